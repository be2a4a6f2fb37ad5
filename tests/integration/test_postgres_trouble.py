"""What goes wrong with PostgreSQL, each tried with a real one, and what the error tells."""

import threading
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import anyio
import psycopg
import pytest

from checkpoints.testing import PIPELINE
from servers.process import free_port
from sinks import Column, DataRefused, SchemaConflict, Sink, SinkError, SinkOptions, Transient, WidenColumn
from sinks.schema import BIGINT, DOUBLE, JSON, TEXT, decimal
from sinks.sql import locks
from sinks.sql.postgres import connect
from sinks.sql.postgres.sink import _Database
from sinks.sql.statement import Statement
from sinks.testing import ORDERS, batch, claimed, data_step, grown, plan, table

pytestmark = pytest.mark.anyio

SECRET = "canary-password"


def options(dataset: str, **timeouts: float) -> SinkOptions:
    return SinkOptions(PIPELINE, dataset, "me", **timeouts)


def altered(dsn: str, *, user: str | None = None, port: int | None = None, database: str | None = None) -> str:
    """Return `dsn` with another user (and a canary for a password), port or database."""
    parts = urlsplit(dsn)
    login = f"{user}:{SECRET}" if user else f"{parts.username}:{parts.password or ''}"
    netloc = f"{login}@{parts.hostname}:{port or parts.port}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}" if database else parts.path))


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def run_query(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


async def told(dsn: str, dataset: str = "shop") -> SinkError:
    """Return the error that opening a sink gives."""
    sink = connect(dsn, options(dataset))
    with pytest.raises(SinkError) as caught:
        await sink.open()
    await sink.aclose()
    return caught.value


@pytest.fixture
async def sink(postgres_dsn: str, dataset: str) -> AsyncIterator[Sink]:
    sink = connect(postgres_dsn, options(dataset))
    await sink.open()
    yield sink
    await sink.aclose()


async def test_a_server_that_is_away_may_come_back(postgres_dsn: str) -> None:
    error = await told(altered(postgres_dsn, port=free_port()))
    assert (type(error), "cannot be reached" in str(error)) == (Transient, True)


async def test_an_unknown_database_is_named(postgres_dsn: str) -> None:
    error = await told(altered(postgres_dsn, database="no_such"))
    assert (type(error), '"no_such" does not exist' in str(error)) == (SinkError, True)


async def test_a_refused_login_tells_what_to_do_and_never_the_password(postgres_dsn: str) -> None:
    error = await told(altered(postgres_dsn, user="nobody_of_that_name"))
    assert type(error) is SinkError
    assert SECRET not in f"{error} {error.__cause__}"


async def test_a_bad_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(SinkError, match="write postgresql://") as caught:
        connect(f"postgresql://me:{SECRET}@host:port:5432/x?no=1&=%zz", options("shop"))
    assert SECRET not in f"{caught.value} {caught.value.__cause__}"


async def test_a_read_only_server_is_refused_with_advice(postgres_dsn: str, dataset: str) -> None:
    error = await told(f"{postgres_dsn}?options=-c%20default_transaction_read_only%3Don", dataset)
    assert (type(error), "connect to the primary" in str(error)) == (SinkError, True)


async def test_a_missing_right_is_named(postgres_dsn: str, dataset: str) -> None:
    run(postgres_dsn, f"CREATE ROLE {dataset} LOGIN PASSWORD '{SECRET}'")
    error = await told(altered(postgres_dsn, user=dataset), dataset)
    assert (type(error), "grant CREATE" in str(error)) == (SinkError, True)


async def test_a_user_may_own_the_schema_alone(postgres_dsn: str, dataset: str) -> None:
    run(
        postgres_dsn,
        f"CREATE ROLE {dataset} LOGIN PASSWORD '{SECRET}'",
        f"CREATE SCHEMA {dataset} AUTHORIZATION {dataset}",
    )
    sink = connect(altered(postgres_dsn, user=dataset), options(dataset))
    await sink.open()
    stored = await sink.schema()
    await sink.aclose()
    assert stored.version == 0


async def test_a_session_that_was_ended_is_replaced_by_the_next_call(postgres_dsn: str, dataset: str) -> None:
    sink = connect(f"{postgres_dsn}?application_name={dataset}", options(dataset))
    await sink.open()
    await claimed(sink, 5)
    run(postgres_dsn, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{dataset}'")
    with pytest.raises(Transient):
        await sink.positions(["orders"])
    assert (await sink.positions(["orders"])).position
    await sink.aclose()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("DROP TABLE {}.orders", "orders"),
        ("ALTER TABLE {}.orders DROP COLUMN note", "note"),
        ("ALTER TABLE {}.orders ALTER COLUMN note TYPE integer USING 1", "orders.note is integer, not text"),
    ],
)
async def test_a_table_changed_behind_us_stops_the_load(
    sink: Sink, postgres_dsn: str, dataset: str, change: str, error: str
) -> None:
    schema = await grown(sink, ORDERS)
    run(postgres_dsn, change.format(dataset))
    with pytest.raises(SinkError, match=error) as caught:
        await sink.load(batch(schema, {"orders": [{"n": 1, "note": "a"}]}), data_step("load-1"))
    assert type(caught.value) is SinkError


REFUSING = {
    "a foreign column": (
        "ALTER TABLE {0}.orders ADD COLUMN mine integer NOT NULL",
        "orders.mine, which headrace did not make, takes no NULL",
    ),
    "no NULL any more": ("ALTER TABLE {0}.orders ALTER COLUMN note SET NOT NULL", "orders.note takes no NULL"),
    "a dropped column": ("ALTER TABLE {0}.orders DROP COLUMN note", "orders.note is gone"),
    "a trigger that drops rows": (
        "CREATE FUNCTION {0}.drop_some() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN IF NEW.n = 1 THEN RETURN NULL; END IF; RETURN NEW; END$$; "
        "CREATE TRIGGER picky BEFORE INSERT ON {0}.orders FOR EACH ROW EXECUTE FUNCTION {0}.drop_some()",
        "stored 1 of 2 rows.*triggers.*picky",
    ),
    "a trigger that raises": (
        "CREATE FUNCTION {0}.never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no way'; END$$; "
        "CREATE TRIGGER picky BEFORE INSERT ON {0}.orders FOR EACH ROW EXECUTE FUNCTION {0}.never()",
        "orders: .*no way",
    ),
    "a foreign column of the ledger": (
        "ALTER TABLE {0}._hr_loads ADD COLUMN mine integer NOT NULL",
        "_hr_loads.mine, which headrace did not make",
    ),
    "a constraint on the ledger": (
        "ALTER TABLE {0}._hr_loads ADD CHECK (records < 0)",
        "_hr_loads: .*violates check constraint",
    ),
}


@pytest.mark.parametrize("what", REFUSING)
async def test_a_table_that_refuses_every_row_stops_the_load_with_its_reason(
    sink: Sink, postgres_dsn: str, dataset: str, what: str
) -> None:
    change, told = REFUSING[what]
    schema = await grown(sink, ORDERS)
    run(postgres_dsn, change.format(dataset))
    with pytest.raises(SinkError, match=told) as caught:
        await sink.load(batch(schema, {"orders": [{"n": 1}, {"n": 2}]}), data_step("load-1"))
    assert type(caught.value) is SinkError
    assert not run_query(postgres_dsn, f"SELECT 1 FROM {dataset}.orders")


async def test_a_trigger_that_refuses_a_value_is_named(sink: Sink, postgres_dsn: str, dataset: str) -> None:
    schema = await grown(sink, ORDERS)
    run(
        postgres_dsn,
        f"CREATE FUNCTION {dataset}.judge() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'no' USING ERRCODE = '23514'; END$$",
        f"CREATE TRIGGER picky BEFORE INSERT ON {dataset}.orders FOR EACH ROW EXECUTE FUNCTION {dataset}.judge()",
    )
    with pytest.raises(DataRefused, match="picky"):
        await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("load-1"))


OWNED_BY_ANOTHER = {
    "without a right": ((), "orders belongs to .*_other.*grant SELECT and INSERT"),
    "with the rights": (("GRANT SELECT, INSERT ON {0}.orders TO {0}",), None),
    "with row security": (
        ("GRANT SELECT, INSERT ON {0}.orders TO {0}", "ALTER TABLE {0}.orders ENABLE ROW LEVEL SECURITY"),
        "row security is on for table orders",
    ),
}


@pytest.mark.parametrize("what", OWNED_BY_ANOTHER)
async def test_a_table_of_another_owner_is_not_gone(postgres_dsn: str, dataset: str, what: str) -> None:
    changes, told = OWNED_BY_ANOTHER[what]
    run(
        postgres_dsn,
        f"CREATE ROLE {dataset} LOGIN PASSWORD '{SECRET}'",
        f"CREATE ROLE {dataset}_other",
        f"CREATE SCHEMA {dataset} AUTHORIZATION {dataset}",
    )
    sink = connect(altered(postgres_dsn, user=dataset), options(dataset))
    await sink.open()
    await grown(sink, ORDERS)
    run(
        postgres_dsn,
        f"ALTER TABLE {dataset}.orders OWNER TO {dataset}_other",
        *(change.format(dataset) for change in changes),
    )
    if told is None:
        await sink.load(batch(await sink.schema(), {"orders": [{"n": 1}]}), data_step("load-1"))
    else:
        with pytest.raises(SinkError, match=told):
            await sink.schema()
    await sink.aclose()


DEPENDENTS = {
    "a view": "CREATE VIEW {0}.totals AS SELECT n FROM {0}.orders",
    "a materialized view": "CREATE MATERIALIZED VIEW {0}.totals AS SELECT max(n) AS most FROM {0}.orders",
    "a partial index": "CREATE INDEX ON {0}.orders (note) WHERE n > 0",
    "an index on an expression": "CREATE INDEX ON {0}.orders ((n & 1))",
    "a generated column": "ALTER TABLE {0}.orders ADD COLUMN g bigint GENERATED ALWAYS AS (n & 1) STORED",
    "a check": "ALTER TABLE {0}.orders ADD CHECK (n & 1 >= 0)",
    "a policy": "CREATE POLICY few ON {0}.orders USING (n > 0)",
    "a default": "ALTER TABLE {0}.orders ALTER COLUMN n SET DEFAULT 7",
    "a parent": "CREATE TABLE {0}.parent (n bigint); ALTER TABLE {0}.orders INHERIT {0}.parent",
}


@pytest.mark.parametrize("what", DEPENDENTS)
async def test_a_column_that_something_depends_on_is_not_widened(
    sink: Sink, postgres_dsn: str, dataset: str, what: str
) -> None:
    await grown(sink, ORDERS)
    run(postgres_dsn, DEPENDENTS[what].format(dataset))
    changes = [WidenColumn("orders", Column(name, kind), BIGINT) for name, kind in (("n", DOUBLE), ("note", JSON))]
    can = [await sink.can_widen(change, max_rows=10) for change in changes]
    assert can == [False, what != "a partial index"]


async def test_a_column_with_a_plain_index_is_widened(sink: Sink, postgres_dsn: str, dataset: str) -> None:
    schema = await grown(sink, ORDERS)
    run(postgres_dsn, f"CREATE UNIQUE INDEX ON {dataset}.orders (n)")
    wider = plan(schema, table("orders", n=DOUBLE, note=TEXT))
    can = await sink.can_widen(wider.changes[0], max_rows=10)
    await sink.apply(wider)
    assert (can, await sink.schema()) == (True, wider.target)


async def test_a_view_that_comes_between_plan_and_change_is_a_conflict(
    sink: Sink, postgres_dsn: str, dataset: str
) -> None:
    schema = await grown(sink, ORDERS)
    run(postgres_dsn, f"CREATE VIEW {dataset}.totals AS SELECT n FROM {dataset}.orders")
    with pytest.raises(SchemaConflict, match=r"orders\.n cannot become decimal.*view .*totals"):
        await sink.apply(plan(schema, table("orders", n=decimal(20, 0), note=TEXT)))
    assert await sink.schema() == schema


async def test_text_with_nul_is_refused_and_the_sink_goes_on(sink: Sink) -> None:
    schema = await grown(sink, ORDERS)
    with pytest.raises(DataRefused):
        await sink.load(batch(schema, {"orders": [{"note": "a\0b"}]}), data_step("load-1"))
    await sink.load(batch(schema, {"orders": [{"note": "ab"}]}), data_step("load-2"))
    assert len(await sink.query("select 1 from orders")) == 1


async def test_datasets_whose_long_names_begin_alike_do_not_share_a_schema(postgres_dsn: str, dataset: str) -> None:
    for end in ("one", "two"):
        sink = connect(postgres_dsn, options(f"{dataset}_{'x' * 60}_{end}"))
        await sink.open()
        before = await sink.schema()
        schema = await grown(sink, ORDERS)
        await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("load-1"))
        rows = await sink.query("select n from orders")
        await sink.aclose()
        assert (before.version, len(rows)) == (0, 1)


async def test_a_lock_that_is_not_released_is_waited_for_no_longer_than_told(postgres_dsn: str, dataset: str) -> None:
    sink = connect(postgres_dsn, options(dataset, lock_timeout_seconds=0.2))
    await sink.open()
    schema = await grown(sink, ORDERS)
    with psycopg.connect(postgres_dsn) as other:
        other.execute(f"LOCK TABLE {dataset}.orders".encode())
        with pytest.raises(Transient, match="55P03"):
            await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("load-1"))
    await sink.aclose()


async def test_closing_interrupts_a_load_that_waits(sink: Sink, postgres_dsn: str, dataset: str) -> None:
    schema = await grown(sink, ORDERS)
    errors: list[Exception] = []

    async def load() -> None:
        try:
            await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("load-1"))
        except SinkError as error:
            errors.append(error)

    with psycopg.connect(postgres_dsn, autocommit=True) as other:
        with other.transaction():
            other.execute(f"LOCK TABLE {dataset}.orders".encode())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(load)
                await anyio.to_thread.run_sync(_until_somebody_waits, postgres_dsn)
                await sink.aclose()
        assert not other.execute(f"SELECT load_id FROM {dataset}._hr_loads".encode()).fetchall()
    assert [isinstance(error, Transient) for error in errors] == [True]


async def test_parameters_that_no_statement_can_carry_stop_the_sink(postgres_dsn: str) -> None:
    database = _Database(psycopg.conninfo.conninfo_to_dict(postgres_dsn), options("shop"))
    session = database.connect()
    with pytest.raises(SinkError, match="65535") as caught:
        session.execute(Statement("SELECT 1", (1,) * 65_536))
    session.close()
    assert type(caught.value) is SinkError


@pytest.mark.parametrize(
    ("own", "timeout_seconds", "opens", "goes_on"),
    [(True, 0.5, True, False), (False, 0.5, True, True), (True, 0, False, True)],
    ids=["past the timeout", "in another dataset", "without a timeout"],
)
async def test_a_copy_that_waits_is_ended_by_writers_of_its_dataset_past_their_timeout_alone(
    postgres_dsn: str, dataset: str, own: bool, timeout_seconds: float, opens: bool, goes_on: bool
) -> None:
    neighbour = dataset if own else f"{dataset}_neighbour"
    opened, went_on = True, True
    with psycopg.connect(postgres_dsn, application_name="headrace frozen", cursor_factory=psycopg.RawCursor) as frozen:
        held = locks.shared(neighbour)
        frozen.execute(held.text.encode(), held.parameters)
        frozen.execute("CREATE TEMPORARY TABLE incoming (n integer)")
        try:
            with frozen.cursor().copy("COPY incoming FROM STDIN") as copy:
                await anyio.to_thread.run_sync(_until_it_has_waited, postgres_dsn, frozen.info.backend_pid)
                opened = await _opens(postgres_dsn, options(dataset, **_impatient(timeout_seconds)))
                copy.write(b"1\n")
        except psycopg.OperationalError:
            went_on = False
    assert (opened, went_on) == (opens, goes_on)


def _impatient(statement_timeout_seconds: float) -> dict[str, float]:
    return {"statement_timeout_seconds": statement_timeout_seconds, "lock_timeout_seconds": 0.2}


async def _opens(dsn: str, wanted: SinkOptions) -> bool:
    sink = connect(dsn, wanted)
    try:
        await sink.open()
    except Transient:
        return False
    finally:
        await sink.aclose()
    return True


def _until_it_has_waited(dsn: str, pid: int) -> None:
    query = (
        b"SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'ClientRead' AND state = 'active' "
        b"AND query_start < clock_timestamp() - interval '1 s'"
    )
    with psycopg.connect(dsn, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        while not connection.execute(query, (pid,)).fetchall():
            threading.Event().wait(0.01)


def _until_somebody_waits(dsn: str) -> None:
    query = b"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'headrace%'"
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not connection.execute(query).fetchall():
            threading.Event().wait(0.01)
