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
        Reject(part.range.partition, offset, time_of(timestamp), key, value, reason, error)
        for part in raw.parts
        for offset, timestamp, key, value in zip(part.offsets, part.timestamps, part.keys, part.values, strict=True)
    )
