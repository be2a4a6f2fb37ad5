"""Which rows of a parsed table may hold a double that is not the number that was written."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stream.decode.numbers import is_faithful
from stream.decode.pile import Pile

_EXACT_BELOW: Final = 2.0**53  # every integer up to here is a double
_NORMAL_FROM: Final = 2.0**-1022  # below, doubles have fewer digits, and then none
_DIGIT_OR_POINT: Final = bytes(ord("0") if chr(byte) in "0123456789.eE" else ord(" ") for byte in range(256))
_SAFE_DIGITS: Final = 15  # any decimal of so many digits is told apart by a double
_LONG_RUN: Final = b"0" * (_SAFE_DIGITS + 2)  # one digit more, and the point or the exponent
_NUMBER: Final = re.compile(rb"[0-9.eE+-]*")
_TINY: Final = (
    re.compile(rb"e-[0-9]{3}"),
    re.compile(rb"E-[0-9]{3}"),
)  # two: re looks for a fixed start 9 times faster


def doubtful_rows(table: pa.Table, pile: Pile) -> set[int]:
    """Return the rows whose doubles may differ from the text in `pile`; all others are exact."""
    rows = set(_rows_at(pile, _long_numbers(pile.text)))
    zeros = False
    for column in table.columns:
        for doubles, parents in _doubles(column.combine_chunks()):
            size = pc.abs(doubles)
            least, most = pc.min_max(size).values()
            zeros = zeros or least.as_py() == 0.0
            if doubles.null_count < len(doubles) and (least.as_py() < _NORMAL_FROM or most.as_py() >= _EXACT_BELOW):
                rows.update(_extreme(size, parents))
    if zeros:  # or numbers too small for a double
        rows.update(_rows_at(pile, (match.start() for tiny in _TINY for match in tiny.finditer(pile.text))))
    return rows


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


def _extreme(size: pa.DoubleArray, parents: pa.Array[Any] | None) -> Iterable[int]:
    small = pc.and_(pc.greater(size, pa.scalar(0.0)), pc.less(size, pa.scalar(_NORMAL_FROM)))
    at = pc.indices_nonzero(pc.or_(small, pc.greater_equal(size, pa.scalar(_EXACT_BELOW))))
    return (row.as_py() for row in (at if parents is None else parents.take(at)))


def _long_numbers(text: bytes) -> Iterator[int]:
    """Yield where numbers begin that have more digits than a double keeps."""
    runs = text.translate(_DIGIT_OR_POINT)
    at = runs.find(_LONG_RUN)
    while at >= 0:
        match = _NUMBER.match(text, at)
        stop = match.end() if match else at
        number = text[at:stop].decode()
        if not number.isdigit() and not is_faithful(number):  # integers show by their size
            yield at
        at = runs.find(_LONG_RUN, stop)


def _rows_at(pile: Pile, positions: Iterator[int]) -> Iterator[int]:
    offsets = pile.offsets
    for position in positions:
        yield bisect_right(offsets, position) - 1
