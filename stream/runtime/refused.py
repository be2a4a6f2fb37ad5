"""Records that nobody can take, as rejects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sinks import Reject
from stream.model import RawBatch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def set_aside(raw: RawBatch, reason: str, error: str) -> tuple[Reject, ...]:
    """Return every record of `raw` as a reject, with its original bytes."""
    return tuple(
        Reject(slab.range.partition, offset, _instant(timestamp), key, value, reason, error)
        for slab in raw.slabs
        for offset, timestamp, key, value in zip(slab.offsets, slab.timestamps, slab.keys, slab.values, strict=True)
    )


def _instant(milliseconds: int) -> datetime | None:
    return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds >= 0 else None
