"""Facts counted for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from prometheus_client import generate_latest

from sinks import AddColumn, Change, CreateTable, WidenColumn
from stream.observe.facts import (
    Assigned,
    BackPressure,
    BatchAbandoned,
    BatchLoaded,
    BatchRead,
    BufferChanged,
    Claimed,
    CommitFailed,
    Fact,
    FencedOut,
    GapAccepted,
    LagSeen,
    LoopTicked,
    Retrying,
    Revoked,
    SchemaChanged,
    StageMoves,
    StageStuck,
    StageTimed,
    Started,
    StateChanged,
    TopicPaused,
    TopicResumed,
    WatermarksMoved,
)
from stream.observe.instruments import Instruments
from stream.observe.known_labels import (
    ABANDONED,
    init_labels_pipeline,
    init_labels_sink,
    init_labels_table,
    init_labels_topic,
)
from stream.observe.partition_gauges import PartitionGauges


class Metrics:
    """An observer that keeps one registry. `records_consumed` = root rows + rejects + skipped, once all is committed.

    `reject_reasons` and `skip_reasons` are those that the stages may give: their counters start at 0. The freshness
    target is shown beside the freshness.
    """

    def __init__(
        self,
        pipeline: str,
        *,
        reject_reasons: Collection[str] = (),
        skip_reasons: Collection[str] = (),
        freshness_target_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._skip_reasons = skip_reasons
        self._clock = clock
        self._sink = ""
        self._known = Instruments()
        self._partitions = PartitionGauges(pipeline, self._known, clock)
        init_labels_pipeline(self._known, pipeline, reject_reasons)
        if freshness_target_seconds is not None:
            self._known.freshness_target.labels(pipeline).set(freshness_target_seconds)

    @property
    def instruments(self) -> Instruments:
        """Return the metrics themselves, with their registry."""
        return self._known

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format. Safe to call from another thread."""
        return generate_latest(self._known.few) + self._partitions.text().encode()

    def observe(self, fact: Fact) -> None:
        """Count one fact."""
        match fact:
            case Started():
                self._started(fact)
            case BatchRead():
                self._read(fact)
            case BatchLoaded():
                self._loaded(fact)
                self._partitions.observe(fact)
            case BatchAbandoned():
                for topic, records in fact.records.items():
                    self._known.records_skipped.labels(self._pipeline, topic, ABANDONED).inc(records)
            case Assigned() | Revoked():
                self._rebalanced(fact)
                self._partitions.observe(fact)
            case Claimed() | LagSeen():
                self._partitions.observe(fact)
            case WatermarksMoved():
                self._partitions.show_watermarks(fact.event_times)
            case SchemaChanged():
                self._schema_changed(fact)
            case _:
                self._measured(fact)

    def _measured(self, fact: Fact) -> None:
        known = self._known
        match fact:
            case StateChanged():
                known.state.labels(self._pipeline).state(fact.state)
            case StageTimed():
                known.stage_duration.labels(self._pipeline, fact.stage).observe(fact.seconds)
            case BufferChanged():
                known.buffer.labels(self._pipeline).set(fact.nbytes)
                known.buffer_limit.labels(self._pipeline).set(fact.limit_bytes)
            case BackPressure():
                known.backpressure.labels(self._pipeline).inc(fact.seconds)
            case StageStuck():
                known.stuck.labels(self._pipeline).set(fact.seconds)
            case TopicPaused(topic):
                known.topic_paused.labels(self._pipeline, topic).set(1)
            case TopicResumed(topic):
                known.topic_paused.labels(self._pipeline, topic).set(0)
            case StageMoves():
                known.stuck.labels(self._pipeline).set(0)
            case LoopTicked():
                known.loop_lag.observe(fact.lag_seconds)
            case CommitFailed():
                known.commit_duration.labels(self._pipeline, self._sink, fact.outcome).observe(fact.seconds)
            case Retrying():
                known.retries.labels(self._pipeline, fact.reason).inc()
            case FencedOut():
                known.fenced.labels(self._pipeline).inc()
            case GapAccepted():
                known.offset_gaps.labels(self._pipeline, fact.range.partition.topic, fact.kind).inc()
            case _:
                pass

    def _started(self, fact: Started) -> None:
        self._sink = fact.sink
        init_labels_sink(self._known, self._pipeline, fact.sink)
        for topic in fact.topics:
            init_labels_topic(self._known, self._pipeline, topic, self._skip_reasons)
        for table in fact.tables:
            init_labels_table(self._known, self._pipeline, table)

    def _read(self, fact: BatchRead) -> None:
        known = self._known
        for topic, records in fact.records.items():
            known.records_consumed.labels(self._pipeline, topic).inc(records)
        for topic, nbytes in fact.nbytes.items():
            known.consumed_bytes.labels(self._pipeline, topic).inc(nbytes)
        known.batch_records.labels(self._pipeline).observe(sum(fact.records.values()))
        known.batch_bytes.labels(self._pipeline).observe(sum(fact.nbytes.values()))
        known.flushes.labels(self._pipeline, fact.cause).inc()

    def _loaded(self, fact: BatchLoaded) -> None:
        known, now = self._known, self._clock()
        for table, rows in fact.receipt.rows.items():
            known.rows_committed.labels(self._pipeline, table).inc(rows)
        for table, nbytes in fact.nbytes.items():
            known.committed_bytes.labels(self._pipeline, table).inc(nbytes)
        for table, keys in fact.deletes.items():
            known.deleted_keys.labels(self._pipeline, table).inc(keys)
        for reason, records in fact.rejects.items():
            known.rejected_records.labels(self._pipeline, reason).inc(records)
        for topic, reasons in fact.skipped.items():
            for reason, records in reasons.items():
                known.records_skipped.labels(self._pipeline, topic, reason).inc(records)
        for table, values in fact.left_out.items():
            known.discarded_values.labels(self._pipeline, table).inc(values)
        known.commit_duration.labels(self._pipeline, self._sink, "ok").observe(fact.receipt.seconds)
        known.last_commit.labels(self._pipeline).set(now)
        if fact.oldest_event is not None:
            known.freshness.labels(self._pipeline).observe(max(0.0, now - fact.oldest_event))

    def _rebalanced(self, fact: Assigned | Revoked) -> None:
        kind = "assigned" if isinstance(fact, Assigned) else "lost" if fact.lost else "revoked"
        self._known.rebalances.labels(self._pipeline, kind).inc()
        if isinstance(fact, Assigned):
            for topic in fact.topics:
                init_labels_topic(self._known, self._pipeline, topic, self._skip_reasons)

    def _schema_changed(self, fact: SchemaChanged) -> None:
        for change in fact.changes:
            table, kind = _table_and_kind(change)
            init_labels_table(self._known, self._pipeline, table)
            self._known.schema_changes.labels(self._pipeline, table, kind).inc()


def _table_and_kind(change: Change) -> tuple[str, str]:
    match change:
        case CreateTable(table):
            return table.name, "table"
        case AddColumn(table, column):
            return table, "variant" if column.variant_of else "column_added"
        case WidenColumn(table):
            return table, "type_widened"
