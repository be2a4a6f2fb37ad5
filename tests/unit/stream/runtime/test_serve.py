"""A whole run on a broker and a warehouse in memory: what lands, and what happens when something is in the way."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from types import SimpleNamespace

import anyio
import pytest

from checkpoints import Fenced, Partition
from sinks import DataRefused, InDoubt, SchemaConflict, SinkOptions, TimedOut, Transient, WidenColumn
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.schema import DOUBLE
from sinks.testing import one_at_a_time
from stream.config.models import Batching, Config, Kafka, Rejects, Retry, Service, Tables
from stream.config.topics import ColumnHint, Contract, Topic
from stream.errors import ConfigError, DestinationError, OwnershipLost, SchemaRefused, SourceGap, TooManyRejects
from stream.model.exception_groups import unwrap_first_of
from stream.observe.facts import (
    BatchAbandoned,
    BatchLoaded,
    BatchRead,
    BufferChanged,
    FencedOut,
    Retrying,
    SourceWaiting,
    StateChanged,
    nobody,
    to_all,
)
from stream.runtime import runner
from stream.runtime.service import Grace, serve
from stream.source.client import consumer_arguments
from stream.source.testing.memory import MemoryBroker, MemoryMember, memory_source

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("never_blocking")]
ORDERS = Partition("orders", 0)


class Stage:
    """A topic, a warehouse, and runs between them."""

    def __init__(self) -> None:
        self.broker, self.warehouse, self.facts, self.also = MemoryBroker(), MemoryWarehouse(), [], nobody
        self.broker.create("orders", 2)
        self.config = Config(
            kafka=Kafka(topics=("orders",), until="latest"),
            batching=Batching(max_rows=10, max_age_seconds=0.01),
            retry=Retry(first_wait_seconds=0.001, max_wait_seconds=0.002),
        )

    def produce(self, *values: object, partition: Partition = ORDERS) -> None:
        self.broker.produce(partition, [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values])

    def sink(self, owner: str = "me") -> MemorySink:
        return one_at_a_time(MemorySink(self.warehouse, SinkOptions("shop", "shop", owner)))

    def slow_sink(self) -> MemorySink:
        """Return a sink so slow that preparing overtakes loading."""
        sink = self.sink()
        sink.delay_seconds = 0.02
        return sink

    async def run(self, sink: MemorySink | None = None, stopping: anyio.Event | None = None) -> None:
        def open_source(config, budget):
            return memory_source(self.broker, config.kafka, config.batching, budget, wants_headers=True)

        with anyio.fail_after(20):
            await serve(
                "shop", self.config, sink or self.sink(), open_source, to_all(self.facts.append, self.also),
                stopping=stopping or anyio.Event(),
            )  # fmt: skip

    def rows(self, table: str = "orders") -> list[dict[str, object]]:
        return self.warehouse.table(table).to_pylist()

    def told(self, kind: type) -> list[object]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def failing_once(sink: MemorySink, method: str, error: Exception, *, after: bool = False) -> MemorySink:
    """Make one call of a sink's method fail, before or after it did its work."""
    real, failures = getattr(sink, method), [error]

    async def call(*args):
        if failures and not after:
            raise failures.pop()
        result = await real(*args)
        if failures:
            raise failures.pop()
        return result

    setattr(sink, method, call)
    return sink


async def test_each_event_becomes_one_row_with_its_place_in_kafka(stage):
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run()
    assert [(row["_kafka_offset"], row["n"]) for row in stage.rows()] == [(n, n) for n in range(25)]


async def test_a_second_run_goes_on_where_the_first_ended(stage):
    stage.produce({"n": 0})
    await stage.run()
    stage.produce({"n": 1})
    await stage.run(stage.sink("me again"))
    assert [row["n"] for row in stage.rows()] == [0, 1]


async def test_a_batch_of_rejects_still_moves_the_position(stage):
    stage.produce(b"{", b"}", b"")
    await stage.run()
    known = await stage.warehouse.store("shop").positions(["orders"])
    assert known.position.next[ORDERS] == len(stage.warehouse.rejects) == 3


async def test_what_was_read_is_what_was_loaded_rejected_skipped_or_abandoned(stage):
    stage.produce(*({"n": n} for n in range(25)), b"nonsense", b"null")
    stage.broker.produce(ORDERS, [None])
    await stage.run()
    read = sum(sum(fact.records.values()) for fact in stage.told(BatchRead))
    loaded = stage.told(BatchLoaded)
    rows = sum(fact.receipt.rows.get("orders", 0) for fact in loaded)
    rejected = sum(sum(fact.rejects.values()) for fact in loaded)
    skipped = sum(sum(reasons.values()) for fact in loaded for reasons in fact.skipped.values())
    abandoned = sum(sum(fact.records.values()) for fact in stage.told(BatchAbandoned))
    assert (rows, rejected, skipped) == (25, 1, 2)
    assert read == rows + rejected + skipped + abandoned


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("open", Transient("away")),
        ("claim", Transient("away")),
        ("apply", Transient("away")),
        ("load", Transient("away")),
        ("apply", SchemaConflict("another writer")),
        ("load", SchemaConflict("another writer")),
    ],
)
async def test_a_failure_that_repetition_mends_costs_no_event(stage, method, error):
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run(failing_once(stage.sink(), method, error))
    assert [row["n"] for row in stage.rows()] == list(range(25))


async def test_a_commit_whose_answer_was_lost_is_not_repeated(stage):
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run(failing_once(stage.sink(), "load", InDoubt("lost"), after=True))
    assert [row["n"] for row in stage.rows()] == list(range(25))


async def test_a_fenced_owner_claims_anew_and_repeats_nothing(stage, monkeypatch):
    monkeypatch.setattr(runner, "_FENCE_WAIT_SECONDS", 0.01)
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run(failing_once(stage.sink(), "load", Fenced("a newer claim"), after=True))
    assert [row["n"] for row in stage.rows()] == list(range(25))
    assert stage.told(FencedOut)


async def test_a_fenced_owner_waits_for_its_next_heartbeat_before_it_claims_anew(stage, monkeypatch):
    story = []

    async def sleep(seconds):
        story.append(seconds)

    class Claiming(MemorySink):
        async def claim(self, *args):
            story.append("claim")
            return await super().claim(*args)

    monkeypatch.setattr(runner, "anyio", SimpleNamespace(sleep=sleep))
    stage.produce({"n": 1})
    sink = Claiming(stage.warehouse, SinkOptions("shop", "shop", "me"))
    await stage.run(failing_once(sink, "load", Fenced("a newer claim"), after=True))
    heartbeat = consumer_arguments(stage.config.kafka, "shop")["heartbeat_interval_ms"] / 1000
    assert story == ["claim", runner._FENCE_WAIT_SECONDS, "claim"]
    assert heartbeat < runner._FENCE_WAIT_SECONDS


async def test_partitions_that_are_lost_with_batches_in_hand_are_carried_on_by_their_next_assignment(stage):
    stage.produce(*({"n": n} for n in range(100)))
    sink = stage.sink()
    load, loads = sink.load, iter(range(100))

    async def losing(batch, step):
        if next(loads) == 1:
            await anyio.wait_all_tasks_blocked()  # reading and preparing stand with a batch each
            await stage.broker.rebalance(lost=True)
        return await load(batch, step)

    sink.load = losing
    await stage.run(sink)
    assert [row["n"] for row in stage.rows()] == list(range(100))
    assert stage.told(BatchAbandoned)


async def test_an_owner_that_is_fenced_again_and_again_gives_up_and_says_who_is_to_stop(stage, monkeypatch):
    monkeypatch.setattr(runner, "_FENCE_WAIT_SECONDS", 0.01)
    stage.produce({"n": 1})
    sink = stage.sink()

    async def fenced(*_):
        raise Fenced("a newer claim")

    sink.load = fenced
    with pytest.raises(OwnershipLost, match="Stop one of them"):
        await stage.run(sink)


async def test_one_record_that_the_destination_refuses_is_set_aside_and_its_neighbours_land(stage):
    stage.produce(*({"n": n} for n in range(9)))
    sink = stage.sink()
    real = sink.load

    async def picky(batch, step):
        if any(4 in table.column("n").to_pylist() for table in batch.tables.values()):
            raise DataRefused("four is not to my taste")
        return await real(batch, step)

    sink.load = picky
    await stage.run(sink)
    assert [row["n"] for row in stage.rows()] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert [(reject.offset, reject.reason) for reject in stage.warehouse.rejects] == [(4, "refused")]


async def test_what_was_read_ahead_of_a_refused_batch_lands_too_and_the_budget_is_whole_again(stage):
    stage.config = stage.config.model_copy(update={"batching": Batching(max_rows=4, max_age_seconds=0.01)})
    stage.produce(*({"n": n} for n in range(20)))
    sink = stage.sink()
    real = sink.load

    async def picky(batch, step):
        if any({6, 13} & set(table.column("n").to_pylist()) for table in batch.tables.values()):
            raise DataRefused("neither six nor thirteen")
        return await real(batch, step)

    sink.load = picky
    await stage.run(sink)
    assert [row["n"] for row in stage.rows()] == [n for n in range(20) if n not in (6, 13)]
    assert [(reject.offset, reject.reason) for reject in stage.warehouse.rejects] == [(6, "refused"), (13, "refused")]
    assert stage.told(BufferChanged)[-1].nbytes == 0
    read = sum(sum(fact.records.values()) for fact in stage.told(BatchRead))
    abandoned = sum(sum(fact.records.values()) for fact in stage.told(BatchAbandoned))
    assert read - abandoned == 20


async def test_a_record_with_more_columns_than_a_table_can_have_is_set_aside(stage):
    stage.produce({"n": 1}, {f"c{i}": i for i in range(1_900)}, {"n": 2})
    await stage.run()
    assert [row["n"] for row in stage.rows()] == [1, 2]
    (reject,) = stage.warehouse.rejects
    assert (reject.offset, reject.reason, len(json.loads(reject.value))) == (1, "too_many_columns", 1_900)
    assert len(stage.warehouse.loads) == 1


async def test_stopping_drains_what_was_read(stage):
    stage.config = stage.config.model_copy(update={"kafka": Kafka(topics=("orders",))})
    stage.produce(*({"n": n} for n in range(25)))
    stopping = anyio.Event()

    def stop_at_first_load(fact):
        if isinstance(fact, BatchLoaded):
            stopping.set()

    stage.also = stop_at_first_load
    await stage.run(stopping=stopping)
    read = sum(sum(fact.records.values()) for fact in stage.told(BatchRead))
    assert [row["n"] for row in stage.rows()] == list(range(read))
    assert stage.told(StateChanged)[-1].state == "stopped"


async def test_a_destination_that_comes_back_while_the_run_drains_does_not_make_it_run_again(stage):
    stage.config = stage.config.model_copy(update={"kafka": Kafka(topics=("orders",))})
    stage.produce({"n": 1})
    stopping = anyio.Event()

    def stop_at_the_first_pause(fact):
        if fact == StateChanged("paused", "destination unavailable"):
            stopping.set()

    async def load(batch, step):
        if StateChanged("draining") not in stage.facts:
            raise Transient("away")
        return await real(batch, step)

    sink = stage.sink()
    real, sink.load, stage.also = sink.load, load, stop_at_the_first_pause
    await stage.run(sink, stopping)
    states = [fact.state for fact in stage.told(StateChanged)]
    assert states == ["starting", "running", "paused", "draining", "stopped"]
    assert len(stage.rows()) == 1


async def test_a_pattern_that_matches_no_topic_is_told_to_those_who_watch(stage):
    stage.config = stage.config.model_copy(update={"kafka": Kafka(pattern="late-.*", until="latest")})
    await stage.run()
    assert stage.told(SourceWaiting) == [SourceWaiting("no topic matches 'late-.*' yet")]


async def test_offsets_that_are_gone_stop_the_run(stage):
    stage.produce(*({"n": n} for n in range(5)))
    await stage.run()
    stage.produce(*({"n": n} for n in range(5, 20)))
    stage.broker.trim(ORDERS, 12)
    with pytest.raises(SourceGap, match="5"):
        await stage.run()


async def test_accepted_loss_goes_on_and_is_written_into_the_ledger(stage):
    stage.produce(*({"n": n} for n in range(5)))
    await stage.run()
    stage.produce(*({"n": n} for n in range(5, 20)))
    stage.broker.trim(ORDERS, 12)
    stage.config = stage.config.model_copy(
        update={"kafka": stage.config.kafka.model_copy(update={"accept_loss": True})}
    )
    await stage.run()
    assert [row["n"] for row in stage.rows()] == [*range(5), *range(12, 20)]
    assert [(row.start_offset, row.stop_offset) for row in stage.warehouse.loads if row.lost] == [(5, 12)]


async def test_the_budget_is_given_back_to_the_last_byte(stage):
    from stream.source.budget import Budget

    budgets = []

    class Kept(Budget):
        def __init__(self, limit):
            super().__init__(limit)
            budgets.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream.runtime.service.Budget", Kept)
        stage.produce(*({"n": n} for n in range(25)))
        await stage.run()
    assert [budget.used_bytes for budget in budgets] == [0]


async def test_a_column_of_a_large_table_is_not_widened_but_gets_a_variant(stage):
    stage.config = stage.config.model_copy(update={"tables": Tables(widen_rows=3)})
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run()
    stage.produce({"n": 2**70})
    await stage.run()
    columns = Counter(name for name in stage.warehouse.schema.tables["orders"].columns)
    assert "n__v_decimal" in columns


async def test_a_column_of_integers_becomes_one_of_doubles_when_fractions_come(stage):
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run()
    stage.produce({"n": 0.5}, {"n": 3})
    await stage.run()
    columns = stage.warehouse.schema.tables["orders"].columns
    assert (columns["n"].type, "n__v_double" in columns) == (DOUBLE, False)
    assert [row["n"] for row in stage.rows()] == [*range(25), 0.5, 3.0]


async def test_integers_that_are_no_doubles_keep_their_column_when_fractions_come(stage):
    stage.produce({"n": 2**60 + 1})
    await stage.run()
    stage.produce({"n": 0.5, "m": 1})
    await stage.run()
    assert [(row["n"], row["n__v_double"]) for row in stage.rows()] == [(2**60 + 1, None), (None, 0.5)]


async def test_an_integer_on_its_way_to_the_destination_keeps_its_column_from_becoming_doubles(stage):
    """The batch with the fraction is prepared while the integer is not stored yet: `apply` finds it then."""
    stage.config = stage.config.model_copy(update={"batching": Batching(max_rows=1)})
    stage.produce({"n": 1}, {"n": 2**60 + 1}, {"n": 0.5}, {"n": 2})
    await stage.run()
    assert [(row["n"], row["n__v_double"]) for row in stage.rows()] == [
        (1, None), (2**60 + 1, None), (None, 0.5), (2, None)
    ]  # fmt: skip


DRIFTS = {
    "a column that is new and then of fractions": ({"n": 1}, {"n": 1, "discount": 1}, {"n": 1, "discount": 1.5}),
    "three batches in a row": ({"n": 1}, {"d": 1}, {"d": 1.5}, {"d": 2**70}, {"d": 2**60 + 1}, {"d": 0.25}),
    "a child table": ({"n": 1}, {"lines": [{"q": 1}]}, {"lines": [{"q": 1.5}]}, {"lines": [{"q": 2**70}]}),
    "a variant": ({"n": 1}, {"n": "a"}, {"n": True}, {"n": 2**70}, {"n": 1.5}, {"n": "b", "m": 1}, {"m": 0.5}),
    "dates and times": ({"n": 1}, {"at": "2026-01-01T10:00:00Z"}, {"at": "never"}, {"at": 5}, {"at": 5.5}),
}


@pytest.mark.parametrize("events", DRIFTS.values(), ids=DRIFTS)
async def test_a_schema_that_drifts_faster_than_it_is_applied_ends_nothing(stage, events):
    stage.config = stage.config.model_copy(update={"batching": Batching(max_rows=1)})
    stage.produce(*events)
    await stage.run(stage.slow_sink())
    assert [row["_kafka_offset"] for row in stage.rows()] == list(range(len(events)))
    assert not stage.warehouse.rejects
    assert not stage.told(Retrying)


async def test_a_destination_that_refuses_every_record_is_a_clear_stop_and_not_a_commit_for_each(stage):
    stage.config = stage.config.model_copy(update={"batching": Batching(max_rows=500)})
    stage.produce(*({"n": n} for n in range(500)))
    sink, tries = stage.sink(), []

    async def refusing(batch, step):
        tries.append(step)
        raise DataRefused("violates check constraint")

    sink.load = refusing
    with pytest.raises(DestinationError, match=r"refused 100 records in a row.*violates check constraint"):
        await stage.run(sink)
    assert not stage.warehouse.loads
    assert len(tries) < 250


async def test_records_that_are_refused_side_by_side_are_set_aside_in_one_commit_with_the_next_that_is_not(stage):
    stage.produce(*({"n": n} for n in range(10)))
    sink = stage.sink()
    real = sink.load

    async def picky(batch, step):
        if any({3, 4, 5} & set(table.column("n").to_pylist()) for table in batch.tables.values()):
            raise DataRefused("not to my taste")
        return await real(batch, step)

    sink.load = picky
    await stage.run(sink)
    assert [row["n"] for row in stage.rows()] == [0, 1, 2, 6, 7, 8, 9]
    assert len({reject.load_id for reject in stage.warehouse.rejects}) == 1


async def test_a_private_field_is_nowhere_in_the_destination(stage):
    secret = "ada@example.org"
    stage.config = stage.config.model_copy(update={"topics": {"orders": Topic(anonymize=("email",), drop=("notes",))}})
    stage.produce({"id": 1, "email": secret, "notes": [secret]}, f'{{"email": "{secret}", '.encode(), {"id": 2})
    await stage.run()
    assert [row["id"] for row in stage.rows()] == [1, 2]
    assert set(stage.warehouse.schema.tables) == {"orders"}
    assert secret not in repr((stage.rows(), stage.warehouse.schema, stage.warehouse.rejects, stage.facts))


async def test_topics_of_one_table_that_differ_in_what_they_hide_are_refused(stage):
    stage.broker.create("refunds", 1)
    stage.config = stage.config.model_copy(
        update={
            "kafka": Kafka(topics=("orders", "refunds"), until="latest"),
            "topics": {"*": Topic(table="all"), "refunds": Topic(mask=("email",))},
        }
    )
    stage.produce({"id": 1})
    stage.produce({"id": 2}, partition=Partition("refunds", 0))
    with pytest.raises(ConfigError, match="both fill table 'all', but differ in mask"):
        await stage.run()


async def test_a_frozen_schema_sets_aside_what_would_change_it_and_goes_on(stage):
    stage.produce({"id": 1})
    await stage.run()
    stage.config = stage.config.model_copy(update={"topics": {"orders": Topic(schema_contract="freeze")}})
    stage.produce({"id": 2, "new": 1}, {"id": 3})
    await stage.run(stage.sink("me again"))
    assert [row["id"] for row in stage.rows()] == [1, 3]
    assert [(reject.reason, reject.value) for reject in stage.warehouse.rejects] == [
        ("schema_frozen", b'{"id": 2, "new": 1}')
    ]


async def test_a_contract_may_stop_the_stream_and_nothing_is_written(stage):
    stage.produce({"id": 1})
    await stage.run()
    contract = Contract(columns="freeze", freeze="stop")
    stage.config = stage.config.model_copy(update={"topics": {"orders": Topic(schema_contract=contract)}})
    stage.produce({"id": 2, "new": 1})
    with pytest.raises(SchemaRefused, match=r"orders\.new"):
        await stage.run(stage.sink("me again"))
    assert [row["id"] for row in stage.rows()] == [1]


async def test_values_that_a_contract_discards_are_counted(stage):
    stage.produce({"id": 1})
    await stage.run()
    stage.config = stage.config.model_copy(update={"topics": {"orders": Topic(schema_contract="discard_value")}})
    stage.produce({"id": 2, "new": 1, "tags": ["a", "b"]})
    await stage.run(stage.sink("me again"))
    assert [fact.left_out for fact in stage.told(BatchLoaded)][-1] == {"orders": 1, "orders__tags": 2}


async def test_instants_are_read_as_a_user_says_they_are_written(stage):
    hints = {"made": ColumnHint(format="epoch_ms"), "sent": ColumnHint(format="%d.%m.%Y %H:%M")}
    stage.config = stage.config.model_copy(update={"topics": {"orders": Topic(columns=hints)}})
    stage.produce({"made": 1_700_000_000_123, "sent": "14.11.2023 22:13"}, {"made": 1, "sent": "soon"})
    await stage.run()
    first, second = stage.rows()
    assert str(first["made"]) == "2023-11-14 22:13:20.123000+00:00"
    assert str(first["sent"]) == "2023-11-14 22:13:00+00:00"
    assert (second["sent"], second["sent__v_text"]) == (None, "soon")


async def test_a_topic_of_another_format_stops_the_stream_and_the_text_shows_why(stage):
    stage.config = stage.config.model_copy(update={"rejects": Rejects(max_consecutive=25)})
    stage.produce(*({"n": n} for n in range(10)), *(b"<xml/>" for _ in range(100)))
    with pytest.raises(TooManyRejects, match=r"in a row of orders.*max_consecutive allows 25.*invalid_json") as stopped:
        await stage.run()
    assert stopped.value.exit_code == 7
    assert len(stage.rows()) == 10
    assert len(stage.warehouse.rejects) <= 25


async def test_a_share_of_rejects_past_the_bound_stops_the_stream(stage):
    stage.config = stage.config.model_copy(update={"rejects": Rejects(max_ratio=0.2, window_records=40)})
    stage.produce(*({"n": n} if n % 2 else b"<xml/>" for n in range(100)))
    with pytest.raises(TooManyRejects, match=r"20 of the last 40 records.*max_ratio allows 20%"):
        await stage.run()
    assert len(stage.warehouse.rejects) == 15


async def test_rejects_without_bounds_go_on(stage):
    stage.config = stage.config.model_copy(
        update={"rejects": Rejects(max_consecutive=0, max_ratio=1, window_records=1)}
    )
    stage.produce(*(b"<xml/>" for _ in range(2_000)))
    await stage.run()
    assert len(stage.warehouse.rejects) == 2_000


async def test_batches_that_are_repeated_count_their_rejects_once(stage):
    stage.config = stage.config.model_copy(update={"rejects": Rejects(max_consecutive=25)})
    stage.produce(*(b"<xml/>" for _ in range(25)))
    sink = failing_once(failing_once(stage.sink(), "load", SchemaConflict("no")), "load", Transient("away"))
    await stage.run(sink)
    assert len(stage.warehouse.rejects) == 25


async def test_a_reject_keeps_its_headers_and_of_a_large_value_the_beginning_length_and_hash(stage):
    stage.config = stage.config.model_copy(update={"rejects": Rejects(max_value_bytes=4)})
    stage.broker.produce(ORDERS, [b"<very large/>"], headers=(("trace", b"a1"), ("raw", b"\xff")))
    await stage.run()
    (reject,) = stage.warehouse.rejects
    assert (reject.value, reject.value_bytes) == (b"<ver", 13)
    assert reject.value_sha256 == hashlib.sha256(b"<very large/>").hexdigest()
    assert json.loads(reject.headers) == [["trace", "a1"], ["raw", {"base64": "/w=="}]]


async def test_a_schema_that_always_conflicts_is_planned_again_ever_less_often(stage):
    stage.config = stage.config.model_copy(update={"retry": Retry(first_wait_seconds=0.01, max_wait_seconds=0.04)})
    stage.produce({"n": 1})
    sink, stopping, claims = stage.sink(), anyio.Event(), []

    async def conflicting(plan):
        claims.append(plan)
        if len(claims) == 6:
            stopping.set()
        raise SchemaConflict("another writer")

    sink.apply = conflicting
    await stage.run(sink, stopping)
    waits = [fact.wait_seconds for fact in stage.told(Retrying) if fact.reason == "schema_conflict"]
    assert waits == [0.0, 0.01, 0.02, 0.04, 0.04, 0.04]


async def test_a_destination_that_goes_away_right_after_it_was_opened_is_waited_for(stage):
    stage.produce({"n": 1})
    await stage.run(failing_once(stage.sink(), "schema", Transient("away")))
    assert len(stage.rows()) == 1


async def test_a_column_that_takes_too_long_to_widen_gets_a_variant(stage):
    stage.produce({"n": 1})
    await stage.run()
    sink = stage.sink()
    real = sink.apply

    async def slow(plan):
        if any(isinstance(change, WidenColumn) for change in plan.changes):
            raise TimedOut("canceling statement due to statement timeout")
        return await real(plan)

    sink.apply = slow
    stage.produce({"n": 0.5}, {"n": 2})
    await stage.run(sink)
    assert [(row["n"], row["n__v_double"]) for row in stage.rows()] == [(1, None), (None, 0.5), (2, None)]


async def test_a_slow_coordinator_holds_no_load_up(stage):
    stage.produce(*({"n": n} for n in range(100)))
    loads_at_first_answer = []

    async def slowly(position):
        await anyio.sleep(0.2)
        loads_at_first_answer.append(len(stage.warehouse.loads))
        stage.broker.committed |= position

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryMember, "commit", lambda self, position: slowly(position))
        await stage.run()
    assert loads_at_first_answer[0] == 10
    assert stage.broker.committed.next[ORDERS] == 100


async def test_all_that_was_loaded_is_acknowledged_when_a_run_ends(stage):
    stage.produce(*({"n": n} for n in range(25)))
    await stage.run()
    assert stage.broker.committed.next[ORDERS] == 25


async def test_two_errors_at_once_that_a_new_claim_mends_are_mended(stage):
    with pytest.raises(Fenced), unwrap_first_of(Fenced, SchemaConflict):
        raise ExceptionGroup("two", [SchemaConflict("moved"), Fenced("a newer claim")])
    with pytest.raises(SourceGap), unwrap_first_of(Fenced, SchemaConflict):
        raise ExceptionGroup("two", [Fenced("a newer claim"), SourceGap("gone")])


async def test_draining_and_closing_share_one_grace_period(stage):
    grace = Grace(10.0)
    assert grace.left_seconds == 10.0
    grace.begin()
    assert grace.drain_seconds < 10.0
    assert 9.0 < grace.left_seconds <= 10.0


@pytest.mark.parametrize(("shown", "values"), [(True, ["{2"]), (False, [])])
async def test_the_newest_reject_is_told_where_that_is_wanted(stage, shown, values):
    stage.config = stage.config.model_copy(update={"service": Service(show_rejects=shown)})
    stage.produce({"id": 1}, b"{1", b"{2")
    await stage.run()
    told = [sample for fact in stage.facts if isinstance(fact, BatchLoaded) for sample in fact.reject_samples.values()]
    assert [sample.value for sample in told] == values
