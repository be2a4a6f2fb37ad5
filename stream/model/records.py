"""Records as Kafka delivered them: bytes in columns, nothing decoded yet."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from checkpoints import OffsetRange, Partition, Position

Headers = tuple[tuple[str, bytes | None], ...]
FlushCause = Literal["rows", "bytes", "age", "revoke", "shutdown"]


@dataclass(frozen=True, slots=True)
class PartitionRecords:
    """Records of one partition, one sequence per field, in the order of their offsets.

    `range` is what the source says they stand for; it may be longer than the records (holes, also at its end), and a
    part without records still moves the position. `timestamps` are milliseconds since 1970, -1 where Kafka has none.
    `headers` is empty unless they were asked for.
    """

    range: OffsetRange
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers] = ()

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def nbytes(self) -> int:
        """Return the size of keys and values, in bytes."""
        return sum(map(len, filter(None, self.values))) + sum(map(len, filter(None, self.keys)))

    def followed_by(self, later: PartitionRecords) -> PartitionRecords:
        """Return both as one part, where `later` goes on at the end of this one."""
        return PartitionRecords(
            OffsetRange(self.range.partition, self.range.start, later.range.stop),
            [*self.offsets, *later.offsets],
            [*self.timestamps, *later.timestamps],
            [*self.keys, *later.keys],
            [*self.values, *later.values],
            [*self.headers, *later.headers],
        )

    def within(self, start: int, stop: int) -> PartitionRecords:
        """Return the part of this part with offsets in `start`..`stop` (not included); `range` is cut the same way."""
        first, last = bisect_left(self.offsets, start), bisect_left(self.offsets, stop)
        return PartitionRecords(
            OffsetRange(self.range.partition, max(self.range.start, start), min(self.range.stop, stop)),
            self.offsets[first:last],
            self.timestamps[first:last],
            self.keys[first:last],
            self.values[first:last],
            self.headers[first:last],
        )

    def choosing(self, records: Collection[tuple[Partition, int]], *, among: bool) -> PartitionRecords:
        """Return this part with only the records among `records`, or only the others."""
        partition = self.range.partition
        kept = [i for i, offset in enumerate(self.offsets) if ((partition, offset) in records) is among]
        return PartitionRecords(
            self.range,
            [self.offsets[i] for i in kept],
            [self.timestamps[i] for i in kept],
            [self.keys[i] for i in kept],
            [self.values[i] for i in kept],
            [self.headers[i] for i in kept] if self.headers else (),
        )


@dataclass(frozen=True, slots=True)
class RawBatch:
    """What one read of the source gave: parts, at most one per partition, their size, and the bound that ended it."""

    parts: tuple[PartitionRecords, ...]
    nbytes: int = 0
    cause: FlushCause = "age"

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def ranges(self) -> tuple[OffsetRange, ...]:
        """Return the ranges of offsets that this batch stands for."""
        return tuple(part.range for part in self.parts)

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics of this batch, each once, sorted."""
        return tuple(sorted({part.range.partition.topic for part in self.parts}))

    def of(self, topic: str) -> RawBatch:
        """Return the part of this batch that is of one topic."""
        return replace(self, parts=tuple(part for part in self.parts if part.range.partition.topic == topic))

    def after(self, here: Position) -> RawBatch:
        """Return what is not yet durable: records at or past `here`, partitions unknown to it left whole."""
        fresh = []
        for part in self.parts:
            start = here.next.get(part.range.partition, part.range.start)
            if start <= part.range.start:
                fresh.append(part)
            elif start < part.range.stop:
                fresh.append(part.within(start, part.range.stop))
        return replace(self, parts=tuple(fresh))

    def followed_by(self, later: RawBatch) -> RawBatch:
        """Return both as one batch, in which each partition has one part; `later` goes on where this one ends."""
        if not self.parts:
            return later
        parts = {part.range.partition: part for part in self.parts}
        for part in later.parts:
            before = parts.get(part.range.partition)
            parts[part.range.partition] = before.followed_by(part) if before else part
        return RawBatch(tuple(parts.values()), self.nbytes + later.nbytes, later.cause)

    def only(self, records: Collection[tuple[Partition, int]]) -> RawBatch:
        """Return just these records, named by partition and offset; ranges stay as they are."""
        return replace(self, parts=tuple(part.choosing(records, among=True) for part in self.parts))

    def without(self, records: Collection[tuple[Partition, int]]) -> RawBatch:
        """Return all but these records, named by partition and offset; ranges stay as they are."""
        if not records:
            return self
        return replace(self, parts=tuple(part.choosing(records, among=False) for part in self.parts))

    def halves(self) -> tuple[RawBatch, RawBatch]:
        """Return two batches with half of the records each, the second to be loaded after the first.

        Raises `ValueError` for a batch of fewer than two records.
        """
        if len(self) < 2:
            raise ValueError("a batch of one record has no halves")
        left: list[PartitionRecords] = []
        right: list[PartitionRecords] = []
        wanted = len(self) // 2
        for part in self.parts:
            if len(part) <= wanted:
                left.append(part)
                wanted -= len(part)
            elif wanted == 0:
                right.append(part)
            else:
                cut = part.offsets[wanted]
                left.append(part.within(part.range.start, cut))
                right.append(part.within(cut, part.range.stop))
                wanted = 0
        half = self.nbytes // 2
        return RawBatch(tuple(left), half, self.cause), RawBatch(tuple(right), self.nbytes - half, self.cause)


def partitions(batch: RawBatch) -> frozenset[Partition]:
    """Return the partitions a batch speaks of."""
    return frozenset(part.range.partition for part in batch.parts)
