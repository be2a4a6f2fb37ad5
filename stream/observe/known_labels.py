"""Label sets that can be known before their first fact, created at 0: `increase()` misses a counter born at 1."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, get_args

from stream.observe.facts import FlushCause, GapKind, RetryReason, Stage
from stream.observe.instruments import Instruments

ABANDONED: Final = "abandoned"
CHANGE_KINDS: Final = ("table", "column_added", "type_widened", "variant")
OUTCOMES: Final = ("ok", "failed", "unknown", "fenced")
REBALANCES: Final = ("assigned", "revoked", "lost")


def init_labels_pipeline(known: Instruments, pipeline: str, reject_reasons: Collection[str]) -> None:
    """Create at 0 what one pipeline has from its start."""
    for plain in (known.buffer, known.buffer_limit, known.backpressure, known.fenced):
        plain.labels(pipeline)
    for histogram in (known.batch_records, known.batch_bytes, known.freshness):
        histogram.labels(pipeline)
    for stage in get_args(Stage):
        known.stage_duration.labels(pipeline, stage)
    for counter, values in (
        (known.flushes, get_args(FlushCause)),
        (known.rebalances, REBALANCES),
        (known.retries, get_args(RetryReason)),
        (known.rejected_records, reject_reasons),
    ):
        for value in values:
            counter.labels(pipeline, value)


def init_labels_sink(known: Instruments, pipeline: str, sink: str) -> None:
    """Create at 0 what one destination has."""
    for outcome in OUTCOMES:
        known.commit_duration.labels(pipeline, sink, outcome)


def init_labels_topic(known: Instruments, pipeline: str, topic: str, skip_reasons: Collection[str]) -> None:
    """Create at 0 what one topic has."""
    for counter in (known.records_consumed, known.consumed_bytes):
        counter.labels(pipeline, topic)
    known.topic_paused.labels(pipeline, topic)
    for reason in (*skip_reasons, ABANDONED):
        known.records_skipped.labels(pipeline, topic, reason)
    for kind in get_args(GapKind):
        known.offset_gaps.labels(pipeline, topic, kind)


def init_labels_table(known: Instruments, pipeline: str, table: str) -> None:
    """Create at 0 what one table has."""
    for counter in (known.rows_committed, known.committed_bytes, known.discarded_values, known.deleted_keys):
        counter.labels(pipeline, table)
    for kind in CHANGE_KINDS:
        known.schema_changes.labels(pipeline, table, kind)
