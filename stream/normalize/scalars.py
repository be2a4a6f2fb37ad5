"""The type that holds one Python value exactly."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, TEXT, TIME, TIMESTAMP, DataType, decimal
from stream.errors import UnsupportedValue
from stream.normalize.naming import Path, dotted

_MAX_DIGITS: Final = 38
_USUAL_SCALE: Final = 9  # as in most warehouses; one scale for most decimals spares a widening with each new one

Cell = tuple[DataType, Any]


def cell(value: Any, path: Path) -> Cell:
    """Return a scalar's type and the value as Arrow takes it; `path` names it in `UnsupportedValue`."""
    match value:
        case str():
            return TEXT, _encodable(value, path)
        case bool():
            return BOOL, value
        case int():
            return _integer(value, path)
        case float():
            if not math.isfinite(value):
                raise UnsupportedValue(
                    f"{dotted(path)}: {value} is not a number that a table can hold; send null instead"
                )
            return DOUBLE, value
        case Decimal():
            return _decimal(value, path)
        case datetime():
            return TIMESTAMP, value
        case date():
            return DATE, value
        case time():
            return (TIME, value) if value.tzinfo is None else (TEXT, value.isoformat())
        case bytes():
            return BINARY, value
        case UUID():
            return TEXT, str(value)
    raise UnsupportedValue(
        f"{dotted(path)}: no column type for a {type(value).__name__}; turn it into text or a number first"
    )


def _integer(value: int, path: Path) -> Cell:
    if -(2**63) <= value < 2**63:
        return BIGINT, value
    if abs(value) < 10**_MAX_DIGITS:
        return decimal(_MAX_DIGITS, 0), Decimal(value)
    try:
        return TEXT, str(value)
    except ValueError as error:  # Python prints no integer of more than 4,300 digits
        raise UnsupportedValue(
            f"{dotted(path)}: an integer of {value.bit_length()} bits is too long to print"
        ) from error


def _decimal(value: Decimal, path: Path) -> Cell:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise UnsupportedValue(f"{dotted(path)}: {value} is not a number that a table can hold; send null instead")
    scale = max(-exponent, 0)
    before_point = max(len(digits) + exponent, 0)
    if scale == 0 and before_point <= _MAX_DIGITS:
        return decimal(_MAX_DIGITS, 0), value
    if scale <= _USUAL_SCALE and before_point + _USUAL_SCALE <= _MAX_DIGITS:
        return decimal(_MAX_DIGITS, _USUAL_SCALE), value
    if before_point + scale <= _MAX_DIGITS:
        return decimal(_MAX_DIGITS, scale), value
    return TEXT, format(value, "f")


def _encodable(value: str, path: Path) -> str:
    try:
        value.isascii() or value.encode()  # only text beyond ASCII can fail, and most is within
    except UnicodeEncodeError as error:
        raise UnsupportedValue(
            f"{dotted(path)}: the text holds half of a surrogate pair, which is no character"
        ) from error
    return value
