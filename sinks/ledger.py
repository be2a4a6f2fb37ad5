"""What a load leaves behind for the auditors, as values: rows of `_hr_loads` and `_hr_rejects`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from checkpoints import Checkpoint, OffsetRange, Partition, Span
from sinks.contract import Batch

Status: TypeAlias = Literal["loaded", "lost"]

NO_PARTITION = Partition("", -1)  # of a load that does not come from Kafka


@dataclass(frozen=True, slots=True)
class LoadRow:
    """What one load did to one partition. `rows` counts the records that became root rows.

    The status `lost`, and `lost` itself, say that the range was gone from the log before anyone read it.

    A load without spans (data that is not Kafka) has one such row, of no partition; its `rows` are those of all tables.
    """

    load_id: str
    pipeline: str
    topic: str
    partition: int
    start_offset: int
    stop_offset: int
    records: int
    rows: int
    rejected: int
    skipped: int
    holes: int
    lost: bool
    status: Status
    schema_version: int
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True)
class RejectRow:
    """One record set aside, and the load that did it."""

    load_id: str
    pipeline: str
    topic: str
    partition: int
    offset: int
    timestamp: datetime | None
    key: bytes | None
    value: bytes | None
    reason: str
    error: str
    headers: str | None = None
    value_bytes: int | None = None
    value_sha256: str | None = None


def load_rows(batch: Batch, step: Checkpoint, owner: str) -> list[LoadRow]:
    """Return what the ledger keeps of a load: a row for each span, or one for a load without spans."""
    spans = step.spans or (Span(OffsetRange(NO_PARTITION, 0, batch.rows), batch.rows),)
    return [
        LoadRow(
            load_id=step.load_id,
            pipeline=step.pipeline,
            topic=span.range.partition.topic,
            partition=span.range.partition.number,
            start_offset=span.range.start,
            stop_offset=span.range.stop,
            records=span.records,
            rows=span.records - span.rejected - span.skipped,
            rejected=span.rejected,
            skipped=span.skipped,
            holes=span.holes,
            lost=span.lost,
            status="lost" if span.lost else "loaded",
            schema_version=batch.schema_version,
            epoch=step.epoch,
            owner=owner,
        )
        for span in spans
    ]


def reject_rows(batch: Batch, step: Checkpoint) -> list[RejectRow]:
    """Return what `_hr_rejects` keeps of a load."""
    return [
        RejectRow(
            load_id=step.load_id,
            pipeline=step.pipeline,
            topic=reject.partition.topic,
            partition=reject.partition.number,
            offset=reject.offset,
            timestamp=reject.timestamp,
            key=reject.key,
            value=reject.value,
            reason=reject.reason,
            error=reject.error,
            headers=reject.headers,
            value_bytes=reject.value_bytes,
            value_sha256=reject.value_sha256,
        )
        for reject in batch.rejects
    ]
