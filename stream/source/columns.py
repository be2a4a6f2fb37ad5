"""Records of a poll as columns."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from checkpoints import OffsetRange
from stream.model import Slab


def slab(
    range: OffsetRange, records: Sequence[ConsumerRecord[bytes | None, bytes | None]], *, wants_headers: bool
) -> Slab:
    """Return `records`, read from one partition, as the slab that stands for `range`."""
    return Slab(
        range,
        [record.offset for record in records],
        [record.timestamp for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [tuple(record.headers) for record in records] if wants_headers else (),
    )
