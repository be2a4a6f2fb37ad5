"""One Avro record, read exactly: slower than Arrow, and the judge of what Arrow does not take.

A schema becomes a function from bytes and a place in them to a value and the place behind it. Lists and maps cost
memory in proportion to the bytes that they take, since schemas whose items take none are refused beforehand, and never
more than a bound.
Source: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from struct import Struct
from typing import Any, Final, TypeAlias
from uuid import UUID

from stream.decode.avro.arrow_types import MAX_DIGITS as MOST_ARROW_DIGITS
from stream.decode.avro.nodes import (
    NULL,
    ArrayOf,
    Enum,
    Fixed,
    Logical,
    MapOf,
    Node,
    Record,
    Scalar,
    Union,
    leaves,
    sole_branch,
)
from stream.decode.avro.schema import MAX_DIGITS
from stream.decode.varints import read_long

Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
"""Takes bytes and where a value begins; returns it and where it ends. Raises `ValueError` when there is none."""

MAX_LEAVES: Final = 16_000_000
"""How many Arrow values one list may become. A byte may stand for thousands: null, in the place of a wide record."""

_INT_BITS: Final = 31
_FLOAT: Final = Struct("<f")
_DOUBLE: Final = Struct("<d")
_DURATION: Final = Struct("<III")
_DIGITS: Final = Context(prec=MAX_DIGITS + 1)


def exact_reader(node: Node) -> Callable[[bytes], Any]:
    """Return what reads one whole record of this type, as values that Arrow takes for `arrow_type(node)`.

    It raises `ValueError` when the bytes are not exactly one record.
    """
    read = _reader(node)

    def read_record(data: bytes) -> Any:
        value, end = read(data, 0)
        if end != len(data):
            raise ValueError(f"{len(data) - end} bytes are left after the record's end at byte {end}")
        return value

    return read_record


def _reader(node: Node) -> Read:
    match node:
        case Scalar():
            return _scalar_reader(node)
        case Fixed():
            return _fixed_reader(node)
        case Enum():
            return _enum_reader(node.symbols)
        case ArrayOf():
            return _array_reader(_reader(node.item), MAX_LEAVES // leaves(node.item))
        case MapOf():
            return _array_reader(_pair_reader(_reader(node.value)), MAX_LEAVES // (leaves(node.value) + 1))
        case Record():
            return _record_reader([(field.name, _reader(field.node)) for field in node.fields])
        case Union():
            return _union_reader(node)


def _scalar_reader(scalar: Scalar) -> Read:
    match scalar.kind:
        case "null":
            return _read_null
        case "boolean":
            return _read_boolean
        case "int":
            return _read_int
        case "long":
            return read_long
        case "float":
            return _number_reader(_FLOAT)
        case "double":
            return _number_reader(_DOUBLE)
        case "string":
            return _read_string
        case "bytes":
            return _decimal_reader(_read_bytes, scalar.logical) if scalar.logical else _read_bytes


def _read_null(data: bytes, at: int) -> tuple[None, int]:
    return None, at


def _read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    return _part(data, at, 1) != b"\0", at + 1


def _read_int(data: bytes, at: int) -> tuple[int, int]:
    number, end = read_long(data, at)
    if number >> _INT_BITS not in (0, -1):
        raise ValueError(f"the int at byte {at} is {number}, which has more than 32 bits")
    return number, end


def _number_reader(form: Struct) -> Read:
    def read(data: bytes, at: int) -> tuple[float, int]:
        (number,) = form.unpack(_part(data, at, form.size))
        return number, at + form.size

    return read


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, start = _read_length(data, at)
    end = start + length
    if end > len(data):
        raise _cut_off(data, start, length)
    return data[start:end], end


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    start = at + 1
    if at < len(data) and (zigzag := data[at]) < 0x80 and not zigzag & 1:  # most texts: one byte of length
        length = zigzag >> 1
    else:
        length, start = _read_length(data, at)
    end = start + length
    if end > len(data):
        raise _cut_off(data, start, length)
    return data[start:end].decode(), end


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    length, start = read_long(data, at)
    if length < 0:
        raise ValueError(f"{length} bytes should begin at byte {start}")
    return length, start


def _part(data: bytes, at: int, length: int) -> bytes:
    if length > len(data) - at:
        raise _cut_off(data, at, length)
    return data[at : at + length]


def _cut_off(data: bytes, at: int, length: int) -> ValueError:
    return ValueError(f"{length} bytes should begin at byte {at}, and {len(data) - at} are left")


def _fixed_reader(fixed: Fixed) -> Read:
    size = fixed.size

    def read(data: bytes, at: int) -> tuple[bytes, int]:
        return _part(data, at, size), at + size

    match fixed.logical:
        case Logical("decimal") as logical:
            return _decimal_reader(read, logical)
        case Logical("uuid"):
            return _converted(read, uuid_text)
        case Logical("duration"):
            return _converted(read, duration_of)
        case _:
            return read


def _converted(read: Read, convert: Callable[[bytes], Any]) -> Read:
    def read_and_convert(data: bytes, at: int) -> tuple[Any, int]:
        value, end = read(data, at)
        return convert(value), end

    return read_and_convert


def _decimal_reader(read: Read, logical: Logical) -> Read:
    convert = decimal_text if logical.precision > MOST_ARROW_DIGITS else decimal_of
    return _converted(read, lambda unscaled: convert(unscaled, logical.precision, logical.scale))


def decimal_of(unscaled: bytes, precision: int, scale: int) -> Decimal:
    """Return the decimal in these bytes; raises `ValueError` when it has too many digits."""
    number = int.from_bytes(unscaled, "big", signed=True)
    if abs(number) >= 10**precision:
        raise ValueError(f"a decimal has more than {precision} digits")
    return _DIGITS.scaleb(Decimal(number), -scale)


def decimal_text(unscaled: bytes, precision: int, scale: int) -> str:
    """Return the decimal in these bytes as it is written, for those that Arrow has no type for."""
    return format(decimal_of(unscaled, precision, scale), "f")


def uuid_text(data: bytes) -> str:
    """Return 16 bytes as a UUID is written."""
    return str(UUID(bytes=data))


def duration_of(data: bytes) -> dict[str, int]:
    """Return 12 bytes as months, days and milliseconds."""
    months, days, milliseconds = _DURATION.unpack(data)
    return {"months": months, "days": days, "milliseconds": milliseconds}


def _enum_reader(symbols: Sequence[str]) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        index, end = read_long(data, at)
        if not 0 <= index < len(symbols):
            raise ValueError(f"the enum at byte {at} is symbol {index} of {len(symbols)}")
        return symbols[index], end

    return read


def _pair_reader(read: Read) -> Read:
    def read_pair(data: bytes, at: int) -> tuple[tuple[str, Any], int]:
        key, at = _read_string(data, at)
        value, at = read(data, at)
        return (key, value), at

    return read_pair


def _array_reader(read: Read, most: int) -> Read:
    def read_items(data: bytes, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        while True:
            count, at = read_long(data, at)
            if count == 0:
                return items, at
            if count < 0:  # then the block's size in bytes is written too
                count, (_, at) = -count, read_long(data, at)
            if count > most - len(items):
                raise ValueError(f"a list of {len(items) + count:,} items would take too much memory")
            for _ in range(count):
                item, at = read(data, at)
                items.append(item)

    return read_items


def _record_reader(fields: Sequence[tuple[str, Read]]) -> Read:
    def read_fields(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        record = {}
        for name, read in fields:
            record[name], at = read(data, at)
        return record, at

    return read_fields


def _union_reader(union: Union) -> Read:
    named = sole_branch(union) is None
    readers = [
        (branch.name if named and branch.node != NULL else None, _reader(branch.node)) for branch in union.branches
    ]

    def read_branch(data: bytes, at: int) -> tuple[Any, int]:
        index, start = read_long(data, at)
        if not 0 <= index < len(readers):
            raise ValueError(f"the union at byte {at} is branch {index} of {len(readers)}")
        name, read = readers[index]
        value, end = read(data, start)
        return (value if name is None else {name: value}), end

    return read_branch
