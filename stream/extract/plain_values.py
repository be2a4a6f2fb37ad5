"""Python values in the plain types that a package holds: those of other libraries are told by what they say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from stream.errors import UnsupportedValue

MAX_DEPTH: Final = 250  # as deep as the normalizer goes; past that it would overflow Python's stack
_LEAVES: Final = (bool, int, float, Decimal, str, bytes, UUID, date, time)


def plain_row(value: Any) -> dict[str, Any]:
    """Return one row as an object of plain values. Raises `UnsupportedValue` that names the path."""
    if isinstance(value, Mapping):
        return _object(value, (), 0)
    return {"value": _plain(value, ("value",), 0)}


def _plain(value: Any, path: tuple[str, ...], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise UnsupportedValue(
            f"{'.'.join(path[:4])}...: nested deeper than {MAX_DEPTH} levels (or in itself); "
            "turn what lies deeper into JSON text first"
        )
    if value is None or type(value) in _LEAVES:
        return value
    if isinstance(value, Mapping):
        return _object(value, path, depth)
    if isinstance(value, list | tuple):
        return [_plain(element, path, depth + 1) for element in value]
    if isinstance(value, Enum):
        return _plain(value.value, path, depth + 1)
    if _is_missing(value):
        return None
    if isinstance(value, datetime):
        return _datetime(value)
    if isinstance(value, _LEAVES):
        return value
    if type(value).__module__ == "numpy":
        return _from_numpy(value, path, depth)
    raise UnsupportedValue(
        f"{'.'.join(path)}: no column type for a {type(value).__name__}; turn it into text or a number first"
    )


def _object(members: Mapping[Any, Any], path: tuple[str, ...], depth: int) -> dict[str, Any]:
    plain = {}
    for key, value in members.items():
        if not isinstance(key, str):
            raise UnsupportedValue(f"{'.'.join(path)}: the key {key!r} is no text; keys of an object are text")
        plain[str(key)] = _plain(value, (*path, key), depth + 1)
    return plain


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in ("NaTType", "NAType")  # pandas', which is not imported for this question


def _datetime(value: datetime) -> datetime | str:
    """Return an instant; one of pandas that is finer than a microsecond as text, with all its digits."""
    if getattr(value, "nanosecond", 0):
        return value.isoformat()
    if type(value) is datetime or not hasattr(value, "to_pydatetime"):
        return value
    return value.to_pydatetime()  # type: ignore[no-any-return]


def _from_numpy(value: Any, path: tuple[str, ...], depth: int) -> Any:
    match type(value).__name__:
        case "ndarray":
            return [_plain(element, path, depth + 1) for element in value]
        case "datetime64":
            return _from_datetime64(value)
        case "timedelta64" | "void":
            return _plain(object(), path, depth)
        case "longdouble" | "float128":
            return _plain(Decimal(str(value)), path, depth)
        case _:
            return _plain(value.item(), path, depth + 1)


def _from_datetime64(value: Any) -> Any:
    text = str(value)
    if text == "NaT":
        return None
    day, _, clock = text.partition("T")
    if not clock:
        return date.fromisoformat(day) if day.count("-") == 2 else text
    fraction = clock.partition(".")[2]
    if len(fraction) > 6 and int(fraction[6:]):
        return text
    return datetime.fromisoformat(text[: len(text) - max(0, len(fraction) - 6)])
