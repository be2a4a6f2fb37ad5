"""Records that nobody can take, as rejects."""

from __future__ import annotations

from enum import StrEnum

from sinks import Reject
from stream.model import RawBatch
from stream.model.times import time_of


class RefusedReason(StrEnum):
    """The closed list of reasons for which a record is set aside that can be decoded, or that nobody dares to."""

    REFUSED = "refused"
    KILLS_DECODER = "kills_decoder"


def set_aside(raw: RawBatch, reason: RefusedReason, error: str) -> tuple[Reject, ...]:
    """Return every record of `raw` as a reject, with its original bytes."""
    return tuple(
        Reject(slab.range.partition, offset, time_of(timestamp), key, value, reason, error)
        for slab in raw.slabs
        for offset, timestamp, key, value in zip(slab.offsets, slab.timestamps, slab.keys, slab.values, strict=True)
    )
