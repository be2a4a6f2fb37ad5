"""What Prometheus sees of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from checkpoints import Checkpoint, OffsetRange, Partition, Position
from sinks import AddColumn, Column, CreateTable, DataType, Receipt, Table, WidenColumn
from stream.observe.facts import (
    Assigned,
    BatchAbandoned,
    BatchLoaded,
    BatchRead,
    Claimed,
    CommitFailed,
    GapAccepted,
    LagSeen,
    LogBounds,
    LoopTicked,
    Retrying,
    Revoked,
    SchemaChanged,
    Started,
    StateChanged,
    WatermarksMoved,
)
from stream.observe.metrics import Metrics

ORDERS_0, ORDERS_1 = Partition("orders", 0), Partition("orders", 1)
DOCS = Path(__file__).parents[4] / "docs" / "metrics.md"
PARTITION = {"pipeline": "shop", "topic": "orders", "partition": "0"}


class Clock:
    """A clock that stands until it is moved."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics("shop", reject_reasons=("invalid_json",), skip_reasons=("tombstone",), clock=clock)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.instruments.registry.get_sample_value(f"headrace_{name}", {"pipeline": "shop"} | labels)


def loaded(upto: int, *, rows: int = 0, newest: float | None = None, **more: object) -> BatchLoaded:
    step = Checkpoint("shop", f"load-{upto}", Position({ORDERS_0: 0}), Position({ORDERS_0: upto}))
    newest_event = {} if newest is None else {ORDERS_0: newest}
    receipt = Receipt(step, {"orders": rows}, 10 * rows, 0.2)
    return BatchLoaded(receipt, newest_event=newest_event, **more)  # type: ignore[arg-type]  # a short form


def families(metrics: Metrics) -> dict[str, Metric]:
    return {family.name: family for family in metrics.instruments.registry.collect()}


def test_the_documented_table_has_exactly_the_names_types_and_labels_of_the_registry(metrics: Metrics) -> None:
    assert metrics.instruments.table() in DOCS.read_text(encoding="utf-8")


def test_counters_that_can_be_known_are_there_at_0_before_the_first_fact(metrics: Metrics) -> None:
    metrics.observe(Started("duckdb", "shop", ("orders",), tables=("orders",)))
    assert value(metrics, "flushes_total", cause="rows") == 0
    assert value(metrics, "retries_total", reason="transient") == 0
    assert value(metrics, "retries_total", reason="source") == 0
    assert value(metrics, "rejected_records_total", reason="invalid_json") == 0
    assert value(metrics, "records_consumed_total", topic="orders") == 0
    assert value(metrics, "records_skipped_total", topic="orders", reason="tombstone") == 0
    assert value(metrics, "rows_committed_total", table="orders") == 0
    assert value(metrics, "commit_duration_seconds_count", sink="duckdb", outcome="unknown") == 0
    assert value(metrics, "offset_gaps_total", topic="orders", kind="retention") == 0


def test_consumed_reconciles_with_rows_rejects_and_skipped(metrics: Metrics) -> None:
    metrics.observe(BatchRead({"orders": 100}, {"orders": 5_000}, "rows"))
    metrics.observe(loaded(100, rows=90, rejects={"invalid_json": 7}, skipped={"orders": {"tombstone": 3}}))
    metrics.observe(BatchRead({"orders": 40}, {"orders": 2_000}, "age"))
    metrics.observe(BatchAbandoned({"orders": 40}))
    consumed = value(metrics, "records_consumed_total", topic="orders")
    rows = value(metrics, "rows_committed_total", table="orders")
    rejected = value(metrics, "rejected_records_total", reason="invalid_json")
    skipped = [
        value(metrics, "records_skipped_total", topic="orders", reason=reason) for reason in ("tombstone", "abandoned")
    ]
    assert consumed == 140 == sum(count or 0 for count in (rows, rejected, *skipped))


def test_lag_is_counted_from_the_position_of_the_destination(metrics: Metrics) -> None:
    metrics.observe(Assigned(frozenset({ORDERS_0}), {"orders": 2}))
    metrics.observe(Claimed(Position({ORDERS_0: 5}), epoch=1))
    metrics.observe(LagSeen({ORDERS_0: LogBounds(2, 105)}))
    metrics.observe(loaded(65))
    assert value(metrics, "consumer_lag_records", topic="orders", partition="0") == 40
    assert value(metrics, "committed_offset", topic="orders", partition="0") == 65
    assert value(metrics, "log_start_offset", topic="orders", partition="0") == 2
    assert value(metrics, "log_end_offset", topic="orders", partition="0") == 105


def test_lag_in_seconds_grows_while_nothing_happens(metrics: Metrics, clock: Clock) -> None:
    metrics.observe(Assigned(frozenset({ORDERS_0})))
    metrics.observe(LagSeen({ORDERS_0: LogBounds(0, 100)}))
    metrics.observe(loaded(50, newest=990.0))
    clock.now = 1_030.0
    assert value(metrics, "consumer_lag_seconds", topic="orders", partition="0") == 40


def test_lag_in_seconds_grows_from_when_it_was_seen_while_nothing_was_ever_committed(
    metrics: Metrics, clock: Clock
) -> None:
    metrics.observe(Assigned(frozenset({ORDERS_0})))
    metrics.observe(Claimed(Position({ORDERS_0: 5}), epoch=1))
    for _ in range(3):
        metrics.observe(LagSeen({ORDERS_0: LogBounds(0, 100)}))
        clock.now += 10
    assert value(metrics, "consumer_lag_seconds", topic="orders", partition="0") == 30


def test_an_event_after_a_quiet_hour_is_not_an_hour_of_lag(metrics: Metrics, clock: Clock) -> None:
    metrics.observe(Assigned(frozenset({ORDERS_0})))
    metrics.observe(loaded(50, newest=990.0))
    clock.now = 4_600.0
    metrics.observe(LagSeen({ORDERS_0: LogBounds(0, 50)}))
    clock.now = 4_602.0
    metrics.observe(LagSeen({ORDERS_0: LogBounds(0, 51)}))
    assert value(metrics, "consumer_lag_seconds", topic="orders", partition="0") == 2


def test_series_of_a_partition_go_when_it_is_revoked(metrics: Metrics) -> None:
    metrics.observe(Assigned(frozenset({ORDERS_0, ORDERS_1}), {"orders": 2}))
    metrics.observe(Claimed(Position({ORDERS_0: 5, ORDERS_1: 7}), epoch=1))
    metrics.observe(LagSeen({ORDERS_0: LogBounds(0, 9), ORDERS_1: LogBounds(0, 9)}))
    metrics.observe(Revoked(frozenset({ORDERS_0})))
    left = {
        sample.labels["partition"]
        for f in families(metrics).values()
        for sample in f.samples
        if "partition" in sample.labels
    }
    assert left == {"1"}


def test_assigned_partitions_follow_the_assignment(metrics: Metrics) -> None:
    metrics.observe(Assigned(frozenset({ORDERS_0, ORDERS_1}), {"orders": 6, "idle": 1}))
    metrics.observe(Revoked(frozenset({ORDERS_1})))
    assert value(metrics, "assigned_partitions", topic="orders") == 1
    assert value(metrics, "assigned_partitions", topic="idle") == 0
    assert value(metrics, "topic_partitions", topic="orders") == 6


def test_a_commit_is_timed_by_its_outcome(metrics: Metrics) -> None:
    metrics.observe(Started("duckdb", "shop"))
    metrics.observe(CommitFailed("unknown", "the answer was lost", 1.5))
    metrics.observe(loaded(1))
    assert value(metrics, "commit_duration_seconds_sum", sink="duckdb", outcome="unknown") == 1.5
    assert value(metrics, "commit_duration_seconds_sum", sink="duckdb", outcome="ok") == 0.2


def test_freshness_is_taken_from_the_oldest_event_of_a_batch(metrics: Metrics) -> None:
    metrics.observe(loaded(1, oldest_event=970.0))
    assert value(metrics, "freshness_seconds_sum") == 30


def test_changes_of_schema_are_counted_by_table_and_kind(metrics: Metrics) -> None:
    column, text = Column("price", DataType("bigint")), DataType("text")
    variant = Column("price__v_text", text, variant_of="price")
    changes = (
        CreateTable(Table("orders")),
        AddColumn("orders", column),
        AddColumn("orders", variant),
        WidenColumn("orders", column, text),
    )
    metrics.observe(SchemaChanged(changes, version=1))
    for kind in ("table", "column_added", "variant", "type_widened"):
        assert value(metrics, "schema_changes_total", table="orders", kind=kind) == 1


def test_one_state_is_1_and_the_others_are_0(metrics: Metrics) -> None:
    metrics.observe(StateChanged("running"))
    metrics.observe(StateChanged("draining"))
    assert value(metrics, "pipeline_state", headrace_pipeline_state="draining") == 1
    assert value(metrics, "pipeline_state", headrace_pipeline_state="running") == 0


def test_trouble_is_counted_by_its_kind(metrics: Metrics) -> None:
    metrics.observe(Retrying("in_doubt", 0.2, "the answer was lost"))
    metrics.observe(Retrying("source", 5.0, "the broker does not answer"))
    metrics.observe(GapAccepted("retention", OffsetRange(ORDERS_0, 0, 9)))
    metrics.observe(Revoked(frozenset({ORDERS_0}), lost=True))
    assert value(metrics, "retries_total", reason="in_doubt") == 1
    assert value(metrics, "retries_total", reason="source") == 1
    assert value(metrics, "offset_gaps_total", topic="orders", kind="retention") == 1
    assert value(metrics, "rebalances_total", kind="lost") == 1


def test_the_loop_lag_has_no_pipeline(metrics: Metrics) -> None:
    metrics.observe(LoopTicked(0.02))
    assert metrics.instruments.registry.get_sample_value("headrace_event_loop_lag_seconds_count") == 1


def test_the_text_for_prometheus_names_the_build(metrics: Metrics) -> None:
    assert b"headrace_build_info{" in metrics.render()


def test_gauges_of_partitions_are_written_as_the_library_writes_them(metrics):
    hostile = [Partition('a"b\\c\nd', 0), Partition("orders", 7)]
    metrics.observe(Assigned(frozenset(hostile), {"orders": 1}))
    metrics.observe(Claimed(Position({hostile[0]: 3, hostile[1]: 1_795_617_311}), 1))
    metrics.observe(LagSeen({hostile[0]: LogBounds(0, 9, 12), hostile[1]: LogBounds(0, 2_000_000_000)}))
    metrics.observe(WatermarksMoved({hostile[1]: 1_795_617_311.25}))
    written = {str(family) for family in text_string_to_metric_families(metrics.render().decode())}
    wanted = text_string_to_metric_families(generate_latest(metrics.instruments.registry).decode())
    assert written == {str(family) for family in wanted}


def test_deletes_of_merged_keys_are_counted_from_zero(metrics):
    metrics.observe(Started("duckdb", "shop", ("orders",), 1, ("orders",)))
    assert value(metrics, "deleted_keys_total", table="orders") == 0
    step = Checkpoint("shop", "load", Position(), Position())
    metrics.observe(BatchLoaded(Receipt(step, {"orders": 1}, 10, 0.1), deletes={"orders": 3}))
    assert value(metrics, "deleted_keys_total", table="orders") == 3
