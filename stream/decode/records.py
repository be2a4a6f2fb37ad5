"""Some records of one topic: their bytes, and which rows of the batch they are."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Final, cast

import pyarrow as pa

_WINDOW_BYTES: Final = 256 * 1024  # twice as fast to search as the 16 MB of a batch in one go


class RecordSubset:
    """Records that take the same way, in the order of rows. Never changed; what derives from it is made once."""

    def __init__(self, rows: Sequence[int], values: Sequence[bytes]) -> None:
        self.rows = rows
        self.values = values

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: RecordSubset) -> RecordSubset:
        """Return both piles as one, in the order of rows."""
        if not (self and other):
            return self or other
        values = dict(zip(self.rows, self.values, strict=True)) | dict(zip(other.rows, other.values, strict=True))
        rows = sorted(values)
        return RecordSubset(rows, [values[row] for row in rows])

    @cached_property
    def data(self) -> bytes:
        """Return the bytes of all values, one right after the other."""
        return b"".join(self.values)

    @cached_property
    def offsets(self) -> array[int]:
        """Return where in `data` each value begins, and after them all where it ends."""
        return array("i", accumulate(map(len, self.values), initial=0))

    @cached_property
    def column(self) -> pa.BinaryArray:
        """Return the values as an Arrow column, over `data` as it is."""
        buffers = [None, pa.py_buffer(self.offsets), pa.py_buffer(self.data)]
        column = pa.Array.from_buffers(pa.binary(), len(self), buffers)
        return cast("pa.BinaryArray", column)

    def windows(self, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield `data` in parts that fit a processor's cache, each with where it begins and how the next one begins."""
        for start in range(0, len(self.data), _WINDOW_BYTES):
            yield start, self.data[start : start + _WINDOW_BYTES + overlap]

    def without(self, positions: Collection[int]) -> tuple[RecordSubset, RecordSubset]:
        """Return the subset without the values at `positions`, and those as a subset of their own."""
        if not positions:
            return self, NO_RECORDS
        left = [position for position in range(len(self)) if position not in positions]
        return self._at(left), self._at(sorted(positions))

    def replacing(self, values: Mapping[int, bytes]) -> RecordSubset:
        """Return the subset with other values at some positions."""
        if not values:
            return self
        return RecordSubset(self.rows, [values.get(position, value) for position, value in enumerate(self.values)])

    def _at(self, positions: Sequence[int]) -> RecordSubset:
        return RecordSubset([self.rows[p] for p in positions], [self.values[p] for p in positions])


NO_RECORDS = RecordSubset((), ())
