"""Many records at once, and where one of them spoils it, in ever smaller parts until the bad ones stand alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from stream.decode.checked import checked

ReadMany = Callable[[Sequence[bytes]], "pa.Array[Any]"]
ReadOne = Callable[[bytes], Any]

FEW: Final = 128  # bad records are looked for one by one in so many: trying halves down to one costs more
SINGLE: Final = 8  # and so few records are not worth the fixed cost of a batch


@dataclass(slots=True)
class ReadRecords:
    """Records as arrays of one type, each with the positions that it is of, and why the others could not be read."""

    arrays: list[tuple[Sequence[int], pa.Array[Any]]] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)


def read_records(
    values: Sequence[bytes], kind: pa.DataType, read_one: ReadOne, read_many: ReadMany | None = None
) -> ReadRecords:
    """Return all of `values` that can be read, as arrays of the type `kind`, in order.

    `read_many` reads all or raises `ValueError`; `read_one` has the last word on each record, by the same error.
    """
    result = ReadRecords()
    if read_many is None or len(values) < SINGLE:
        _read_each(range(len(values)), values, kind, read_one, result)
        return result
    for positions, array in _halved(range(len(values)), lambda part: read_many(values[part.start : part.stop]), FEW):
        if array is None:
            _read_each(positions, values, kind, read_one, result)
        else:
            result.arrays.append((positions, array))
    return result


def _read_each(
    positions: range, values: Sequence[bytes], kind: pa.DataType, read_one: ReadOne, result: ReadRecords
) -> None:
    documents: dict[int, Any] = {}
    for position in positions:
        try:
            documents[position] = read_one(values[position])
        except ValueError as error:
            result.errors[position] = str(error)
    good, errors = to_arrays(list(documents.values()), kind)
    rows = list(documents)
    result.arrays += [(rows[part.start : part.stop], array) for part, array in good]
    result.errors.update({rows[index]: error for index, error in errors.items()})


def to_arrays(
    documents: Sequence[Any], kind: pa.DataType
) -> tuple[list[tuple[range, pa.Array[Any]]], Mapping[int, str]]:
    """Return the values as arrays of the type `kind`, and why single ones are not in that type's range."""
    good: list[tuple[range, pa.Array[Any]]] = []
    errors: dict[int, str] = {}

    def convert(part: range) -> pa.Array[Any]:
        return checked(pa.array(documents[part.start : part.stop], kind))

    for part, array in _halved(range(len(documents)), convert, 1):
        if array is None:
            errors[part.start] = f"a value is not in the range of its type: {_complaint(convert, part)}"
        else:
            good.append((part, array))
    return good, errors


def _complaint(convert: Callable[[range], Any], part: range) -> str:
    try:
        convert(part)
    except (ValueError, OverflowError) as error:
        return str(error)[:200]
    return ""


def _halved(
    part: range, attempt: Callable[[range], pa.Array[Any]], smallest: int
) -> Iterator[tuple[range, pa.Array[Any] | None]]:
    """Yield what `attempt` makes of the parts of `part`; None for one of at most `smallest` where it fails."""
    if not part:
        return
    try:
        array = attempt(part)
    except (ValueError, OverflowError):
        if len(part) <= smallest:
            yield part, None
            return
    else:
        yield part, array
        return
    middle = part.start + len(part) // 2
    yield from _halved(range(part.start, middle), attempt, smallest)
    yield from _halved(range(middle, part.stop), attempt, smallest)
