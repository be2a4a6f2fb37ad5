"""How records become a batch: rows, bytes and age, whichever bound is reached first. Pure; the clock is passed in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import TypeVar

from checkpoints import OffsetRange, Partition
from stream.config.models import Batching
from stream.model import PartitionRecords, RawBatch
from stream.model.records import FlushCause

T = TypeVar("T")


class BatchBuilder:
    """A batch in the making. Slabs of one partition must come in order, each where the one before stopped."""

    def __init__(self, bounds: Batching, clock: Callable[[], float], age_seconds: float | None = None) -> None:
        self._bounds = bounds
        self._age_seconds = bounds.max_age_seconds if age_seconds is None else age_seconds
        self._clock = clock
        self._pieces: dict[Partition, list[PartitionRecords]] = {}
        self._begun: float | None = None
        self._refused = False
        self.rows = 0
        self.nbytes = 0

    @property
    def room(self) -> int:
        """Return how many more records may come."""
        return self._bounds.max_rows - self.rows

    @property
    def room_bytes(self) -> int:
        """Return how many more bytes may come."""
        return max(0, self._bounds.max_bytes - self.nbytes)

    @property
    def begun(self) -> bool:
        """Return whether anything came, be it a position that moved over holes."""
        return self._begun is not None

    @property
    def due(self) -> FlushCause | None:
        """Return the bound that was reached, if one was."""
        if self.room <= 0:
            return "rows"
        if self._refused or self.nbytes >= self._bounds.max_bytes:
            return "bytes"
        return "age" if self._begun is not None and self.patience <= 0 else None

    @property
    def patience(self) -> float:
        """Return how many seconds the draft may still wait for more; a whole age when it has not begun."""
        begun = self._clock() if self._begun is None else self._begun
        return begun + self._age_seconds - self._clock()

    def add(self, part: PartitionRecords) -> PartitionRecords | None:
        """Take what fits of `part` and return the rest, if any: the draft is due then."""
        head, rest = self._cut(part)
        if head is not None:
            self._begun = self._clock() if self._begun is None else self._begun
            self._pieces.setdefault(part.range.partition, []).append(head)
        return rest

    def finish(self, cause: FlushCause) -> RawBatch:
        """Return the batch, one part a partition."""
        return RawBatch(tuple(_joined(pieces) for pieces in self._pieces.values()), self.nbytes, cause)

    def _cut(self, part: PartitionRecords) -> tuple[PartitionRecords | None, PartitionRecords | None]:
        nbytes = part.nbytes
        if len(part) <= self.room and nbytes <= self._bounds.max_bytes - self.nbytes:
            self._count(len(part), nbytes)
            return part, None
        sizes = list(accumulate(map(_size, part.keys, part.values)))
        fitting = min(self.room, bisect_right(sizes, self._bounds.max_bytes - self.nbytes))
        if fitting == 0 and self.rows == 0:
            fitting = 1  # a record larger than the bound makes a batch of its own
        self._count(fitting, sizes[fitting - 1] if fitting else 0)
        if fitting == len(part):
            return part, None
        self._refused = True
        if fitting == 0:
            return None, part
        border = part.offsets[fitting]
        return part.within(part.range.start, border), part.within(border, part.range.stop)

    def _count(self, rows: int, nbytes: int) -> None:
        self.rows += rows
        self.nbytes += nbytes


def _size(key: bytes | None, value: bytes | None) -> int:
    return len(key or b"") + len(value or b"")


def _joined(pieces: Sequence[PartitionRecords]) -> PartitionRecords:
    if len(pieces) == 1:
        return pieces[0]
    return PartitionRecords(
        OffsetRange(pieces[0].range.partition, pieces[0].range.start, pieces[-1].range.stop),
        _chained([piece.offsets for piece in pieces]),
        _chained([piece.timestamps for piece in pieces]),
        _chained([piece.keys for piece in pieces]),
        _chained([piece.values for piece in pieces]),
        _chained([piece.headers for piece in pieces]),
    )


def _chained(columns: Sequence[Sequence[T]]) -> list[T]:
    return list(chain.from_iterable(columns))
