"""Which rows of a parsed table may hold a double that is not the number that was written."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stream.decode.numbers import is_faithful
from stream.decode.records import RecordSubset

_EXACT_BELOW: Final = 2.0**53  # every integer up to here is a double
_NORMAL_FROM: Final = 2.0**-1022  # below, doubles have fewer digits, and then none
_DIGIT_OR_POINT: Final = bytes(ord("0") if chr(byte) in "0123456789.eE" else ord(" ") for byte in range(256))
_SAFE_DIGITS: Final = 15  # any decimal of so many digits is told apart by a double
_LONG_RUN: Final = b"0" * (_SAFE_DIGITS + 2)  # one digit more, and the point or the exponent
_MAX_BYTES: Final = 400  # of a number that is judged here; a longer one is simply doubtful
_NUMBER: Final = re.compile(rb"[0-9.eE+-]{0,%d}" % _MAX_BYTES)
_TINY: Final = (re.compile(rb"e-[0-9]{3}"), re.compile(rb"E-[0-9]{3}"))  # two with a fixed start beat one without


def doubtful_rows(table: pa.Table, subset: RecordSubset) -> set[int]:
    """Return the rows whose doubles may differ from the text in `subset`; all others are exact."""
    large: set[int] = set()
    small: set[int] = set()
    for column in table.columns:
        for doubles, parents in _doubles(column.combine_chunks()):
            size = pc.abs(doubles)
            least, most = (bound.as_py() for bound in pc.min_max(size).values())
            if most is not None and most >= _EXACT_BELOW:
                large.update(_where(pc.greater_equal(size, pa.scalar(_EXACT_BELOW)), parents))
            if least is not None and least < _NORMAL_FROM:
                small.update(_where(pc.less(size, pa.scalar(_NORMAL_FROM)), parents))
    return large | _vanished(small, subset) | set(_rows_at(_long_numbers(subset), subset))


def _doubles(
    array: pa.Array[Any], parents: pa.Array[Any] | None = None
) -> Iterator[tuple[pa.DoubleArray, pa.Array[Any] | None]]:
    """Yield each column of doubles inside `array`, with the row that each value belongs to (None: its own)."""
    if isinstance(array, pa.DoubleArray):
        yield array, parents
    elif isinstance(array, pa.StructArray):
        for index in range(array.type.num_fields):
            yield from _doubles(array.field(index), parents)
    elif isinstance(array, pa.ListArray):
        owners = pc.list_parent_indices(array)
        yield from _doubles(pc.list_flatten(array), owners if parents is None else parents.take(owners))


def _where(mask: pa.BooleanArray, parents: pa.Array[Any] | None) -> Iterable[int]:
    at = pc.indices_nonzero(mask)
    return (row.as_py() for row in (at if parents is None else parents.take(at)).unique())


def _vanished(small: Collection[int], subset: RecordSubset) -> set[int]:
    """Return which of the rows with a zero may have had a number too small for a double: few digits, huge exponent."""
    if len(small) * 8 < len(subset):  # one search over everything costs as much as that
        return {row for row in small if any(tiny.search(subset.values[row]) for tiny in _TINY)}
    matches = chain.from_iterable(tiny.finditer(subset.data) for tiny in _TINY)
    return {row for row in _rows_at((match.start() for match in matches), subset) if row in small}


def _long_numbers(subset: RecordSubset) -> Iterator[int]:
    """Yield where numbers begin, or go on, that have more digits than a double keeps."""
    for start, part in subset.windows(overlap=len(_LONG_RUN) - 1):
        runs = part.translate(_DIGIT_OR_POINT)
        at = runs.find(_LONG_RUN)
        while at >= 0:
            stop = _end_of_number(subset.data, start + at)
            number = subset.data[start + at : stop].decode()
            if len(number) == _MAX_BYTES or not (
                number.isdigit() or is_faithful(number)
            ):  # integers show by their size
                yield start + at
            at = runs.find(_LONG_RUN, stop - start)


def _end_of_number(data: bytes, start: int) -> int:
    match = _NUMBER.match(data, start)
    return match.end() if match else start


def _rows_at(positions: Iterable[int], subset: RecordSubset) -> Iterator[int]:
    for position in positions:
        yield bisect_right(subset.offsets, position) - 1
