"""What goes wrong with a DuckDB file, each tried for real, and what the error tells."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pytest

from checkpoints import Checkpoint
from checkpoints.testing import PIPELINE
from sinks import Batch, InDoubt, SchemaConflict, Sink, SinkError, SinkOptions, Transient
from sinks.schema import BIGINT, DOUBLE, TEXT
from sinks.sql.duckdb import connect
from sinks.sql.duckdb import sink as duckdb_sink
from sinks.testing import ORDERS, batch, data_step, grown, plan, settled, table
from sinks.testing.merges import UPSERT, Event, merge_batch, merging

pytestmark = pytest.mark.anyio

HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def sink_on(path: Path | str, dataset: str = "shop") -> Sink:
    return connect(f"duckdb:///{path}", SinkOptions(PIPELINE, dataset, "me"))


async def told(path: Path) -> SinkError:
    """Return the error that opening a sink on `path` gives."""
    sink = sink_on(path)
    try:
        with pytest.raises(SinkError) as caught:
            await sink.open()
    finally:
        await sink.aclose()
    return caught.value


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the file open."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "held.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield process
        process.stdin.close()


async def test_a_file_that_another_process_has_open_may_be_free_later(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    error = await told(tmp_path / "held.duckdb")
    assert isinstance(error, Transient)
    assert f"PID {holder.pid}" in str(error)


async def test_a_file_is_taken_once_the_other_process_has_gone(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    sink = sink_on(tmp_path / "held.duckdb")
    with pytest.raises(Transient):
        await sink.open()
    holder.stdin.close()
    holder.wait()
    await sink.open()
    await sink.aclose()


async def test_a_file_that_other_code_here_has_open_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "mine.duckdb"):
        assert "open in this process" in str(await told(tmp_path / "mine.duckdb"))


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"the folder {tmp_path}/no does not exist" in str(await told(tmp_path / "no" / "a.duckdb"))


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "it is a folder" in str(await told(tmp_path))


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.duckdb").write_bytes(b"order;price\n" * 1000)
    error = await told(tmp_path / "a.duckdb")
    assert (type(error), "is not a DuckDB database" in str(error)) == (SinkError, True)


async def test_a_folder_that_may_not_be_written_is_named() -> None:
    assert "writable" in str(await told(Path("/sys/a.duckdb")))  # not even by root


async def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert "no_such_setting" in str(await told(Path(f"{tmp_path}/a.duckdb?no_such_setting=1")))


async def test_wide_tables_get_the_memory_that_they_need(tmp_path: Path) -> None:
    sink = sink_on(tmp_path / "a.duckdb")
    await sink.open()
    schema = await grown(sink, table("wide", **{f"c{i}": TEXT for i in range(1_000)}))
    wide = pa.table({f"c{i}": [f"value {i} {row}" for row in range(4_000)] for i in range(1_000)})
    for n in range(3):
        await landing(sink, Batch({"wide": wide}, (), schema.version), data_step(f"load-{n}"))
    rows = await sink.query("select 1 from wide")
    await sink.aclose()
    assert len(rows) == 12_000


async def test_the_first_merge_of_a_session_turns_the_vacuum_on(tmp_path: Path) -> None:
    sink = sink_on(tmp_path / "a.duckdb")
    await sink.open()
    schema = await grown(sink, *merging(UPSERT))
    asked = "select current_setting('max_vacuum_tasks') as tasks"
    before = await sink.query(asked)
    await landing(sink, merge_batch(schema, "load-1", [Event(1, 1, "a")]), data_step("load-1"))
    after = await sink.query(asked)
    await sink.aclose()
    assert (before["tasks"].to_pylist(), after["tasks"].to_pylist()) == ([0], [100])


async def landing(sink: Sink, batch: Batch, once: Checkpoint) -> None:
    """Load until it has landed, asking after doubt."""
    while not await settled(lambda: sink.is_committed(once.load_id)):
        with suppress(InDoubt):
            await settled(lambda: sink.load(batch, once))


async def test_a_memory_limit_in_the_url_is_left_as_it_is(tmp_path: Path) -> None:
    sink = sink_on(f"{tmp_path}/a.duckdb?memory_limit=1GB")
    await sink.open()
    limit = await sink.query("SELECT current_setting('memory_limit') AS memory")
    await sink.aclose()
    assert limit.to_pylist() == [{"memory": "953.6 MiB"}]


@pytest.mark.parametrize("url", ["duckdb://", "duckdb:///", "duckdb://orders.duckdb"])
async def test_a_url_without_a_path_is_refused_with_examples(url: str) -> None:
    with pytest.raises(SinkError, match=r"duckdb:///orders\.duckdb"):
        connect(url, SinkOptions(PIPELINE, "shop", "me"))


async def appended(sink: Sink, *loads: str) -> None:
    for load in loads:
        await sink.load(batch(await sink.schema(), {"orders": [{"n": 1}]}), data_step(load))


async def test_the_file_is_attached_anew_after_many_rows_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.sql.duckdb.sink._ROWS_BEFORE_RENEWAL", 1)
    renewals, renew = [], duckdb_sink._Session._renew
    monkeypatch.setattr(duckdb_sink._Session, "_renew", lambda session: renewals.append(renew(session)))
    sink = sink_on(tmp_path / "a.duckdb")
    await sink.open()
    await grown(sink, ORDERS)
    await appended(sink, *(f"load-{n}" for n in range(7)))
    rows = await sink.query("select 1 from orders")
    await sink.aclose()
    assert (len(rows), len(renewals)) == (7, 3)


async def test_the_file_is_not_taken_from_under_another_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.sql.duckdb.sink._ROWS_BEFORE_RENEWAL", 1)
    sinks = [sink_on(tmp_path / "a.duckdb"), sink_on(tmp_path / "a.duckdb", "other")]
    for sink in sinks:
        await sink.open()
        await grown(sink, ORDERS)
    for sink in sinks:
        await appended(sink, *(f"load-{n}" for n in range(4)))
    rows = [len(await sink.query("select 1 from orders")) for sink in sinks]
    for sink in sinks:
        await sink.aclose()
    assert rows == [4, 4]


async def test_whoever_takes_the_file_meanwhile_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinks.sql.duckdb.sink._ROWS_BEFORE_RENEWAL", 1)
    path = tmp_path / "a.duckdb"
    sink = sink_on(path)
    await sink.open()
    await grown(sink, ORDERS)
    await appended(sink, "load-1", "load-2")
    held = []
    real = duckdb_sink._DETACH
    monkeypatch.setattr("sinks.sql.duckdb.sink._DETACH", Then(real, lambda: held.append(holding(path))))
    with pytest.raises(Transient, match="lock"):
        await appended(sink, "load-3")
    with pytest.raises(Transient, match="open in another process"):
        await appended(sink, "load-3")
    monkeypatch.setattr("sinks.sql.duckdb.sink._DETACH", real)
    held[0].kill()
    held[0].wait()
    await appended(sink, "load-3")
    rows = await sink.query("select 1 from orders")
    await sink.aclose()
    assert len(rows) == 3


class Then:
    """Statements, and something that happens after the last of them."""

    def __init__(self, statements: Iterable[str], happens: Callable[[], object]) -> None:
        self._statements, self._happens = statements, happens

    def __iter__(self) -> Iterator[str]:
        yield from self._statements
        self._happens()


def holding(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


async def test_a_dataset_may_be_named_like_its_file(tmp_path: Path) -> None:
    sink = sink_on(tmp_path / "orders.duckdb", "orders")
    await sink.open()
    await grown(sink, ORDERS)
    rows = await sink.query("select 1 from orders")
    await sink.aclose()
    assert len(rows) == 0


@pytest.mark.parametrize("dataset", ["memory", "main", "temp", "system", "_hr_file", "information_schema", "x" * 300])
async def test_a_dataset_may_be_named_like_what_duckdb_has_itself(tmp_path: Path, dataset: str) -> None:
    sink = sink_on(tmp_path / "a.duckdb", dataset)
    await sink.open()
    schema = await grown(sink, table(dataset[:9], n=BIGINT))
    await sink.load(batch(schema, {dataset[:9]: [{"n": 1}]}), data_step("load-1"))
    await grown(sink, table(dataset[:9], n=BIGINT, note=TEXT))
    rows = await sink.query(f'select * from "{dataset[:9]}"')
    await sink.aclose()
    assert rows.to_pylist() == [{"n": 1, "note": None}]


@pytest.mark.parametrize("name", ["my file #1.duckdb", "50%25.duckdb", "a%3Fb.duckdb", "Größe.duckdb"])
async def test_a_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    sink = sink_on(tmp_path / name)
    await sink.open()
    await sink.aclose()
    assert [file.name for file in tmp_path.iterdir()] == [unquote(name)]


async def test_memory_lives_as_long_as_its_sink() -> None:
    sink = sink_on(":memory:")
    await sink.open()
    schema = await grown(sink, ORDERS)
    await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("load-1"))
    answer = await sink.query("SELECT n FROM orders")
    await sink.aclose()
    assert answer.to_pylist() == [{"n": 1}]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("DROP TABLE orders", "orders is gone"),
        ("ALTER TABLE orders DROP COLUMN note", "orders.note is gone"),
        ("ALTER TABLE orders ALTER COLUMN n TYPE VARCHAR", "orders.n is VARCHAR, not bigint"),
        ("ALTER TABLE orders ALTER COLUMN n SET NOT NULL", "orders.n takes no NULL any more"),
        ("DROP TABLE orders; CREATE VIEW orders AS SELECT 1", "orders is a view or the like"),
        ("ALTER TABLE _hr_loads DROP COLUMN lost", "_hr_loads.lost is gone"),
    ],
)
async def test_a_table_changed_behind_us_stops_the_next_start(tmp_path: Path, change: str, error: str) -> None:
    sink = sink_on(tmp_path / "a.duckdb")
    await sink.open()
    await grown(sink, ORDERS)
    await sink.query(f"BEGIN; {change}; COMMIT; SELECT 1")
    with pytest.raises(SinkError, match=error):
        await sink.schema()
    await sink.aclose()


async def test_a_table_dropped_behind_us_stops_the_load(tmp_path: Path) -> None:
    sink = sink_on(tmp_path / "a.duckdb")
    await sink.open()
    schema = await grown(sink, ORDERS)
    await sink.query("BEGIN; DROP TABLE orders; COMMIT; SELECT 1")
    with pytest.raises(SinkError, match="table orders is gone") as caught:
        await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("load-1"))
    await sink.aclose()
    assert type(caught.value) is SinkError


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX mine ON orders (note)",
        "CREATE UNIQUE INDEX mine ON orders (n)",
        "DROP TABLE orders; CREATE TABLE orders (n BIGINT CHECK (n > 0), note VARCHAR)",
        "DROP TABLE orders; CREATE TABLE orders (n BIGINT, note VARCHAR, g BIGINT GENERATED ALWAYS AS (n + 1) VIRTUAL)",
    ],
)
async def test_a_column_that_something_depends_on_is_not_widened(tmp_path: Path, change: str) -> None:
    sink = sink_on(tmp_path / "a.duckdb")
    await sink.open()
    schema = await grown(sink, ORDERS)
    await sink.query(f"BEGIN; {change}; COMMIT; SELECT 1")
    wider = plan(schema, table("orders", n=DOUBLE, note=TEXT))
    can = await sink.can_widen(wider.changes[0], max_rows=10)
    with pytest.raises(SchemaConflict, match=r"orders\.n cannot become double"):
        await sink.apply(wider)
    stored = await sink.schema()
    await sink.aclose()
    assert (can, stored) == (False, schema)
