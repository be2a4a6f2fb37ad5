"""Texts and what they say: numbers in their one canonical form, timestamps in ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks.schema import TIMESTAMP, DataType
from stream.evolve.kernels import between, call, cast_each, keep, matching, merged
from stream.model.tables import Array

_NUMBER: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?$"
_DAY: Final = r"^\d{4}-\d\d-\d\d$"
_LOCAL: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?$"
_ZONED: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)$"
_DATE_LENGTH: Final = len("2026-01-31")
_LOCAL_TIMESTAMP: Final = pa.timestamp("us")
_FIRST: Final = pa.scalar(datetime(1, 1, 1, tzinfo=UTC), TIMESTAMP.arrow)
_LAST: Final = pa.scalar(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), TIMESTAMP.arrow)
_EXACT_IN_DOUBLE: Final = pa.scalar(2.0**53)


def text_of(numbers: Array, kind: DataType) -> Array:
    """Return numbers as JSON writes them; 1.0 and 1 are one number, so they are one text. NaN and infinity are null."""
    match kind.kind:
        case "decimal":
            return pa.array((None if n is None else _plain(format(n, "f")) for n in numbers.to_pylist()), pa.string())
        case "double":
            return _text_of_doubles(numbers)
        case _:
            return numbers.cast(pa.string())


def _plain(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _text_of_doubles(numbers: Array) -> Array:
    finite = keep(numbers, call("is_finite", numbers))
    is_whole = call("equal", call("floor", finite), finite)
    is_small = call("less_equal", call("abs", finite), _EXACT_IN_DOUBLE)
    whole = keep(finite, call("and", is_whole, is_small)).cast(pa.int64()).cast(pa.string())
    return merged(whole, finite.cast(pa.string()))


def numbers_in(texts: Array, kind: DataType) -> Array:
    """Return the numbers of the texts that are a number's canonical text: "123", but not "007", "+5" or "1_000"."""
    try:
        numbers = texts.cast(kind.arrow)
    except pa.ArrowInvalid:
        numbers = cast_each(matching(texts, _NUMBER), kind.arrow)
    return keep(numbers, call("equal", text_of(numbers, kind), texts))


def dates_in(texts: Array) -> Array:
    """Return the dates of the texts that are one, as in 2026-01-31."""
    return cast_each(matching(texts, _DAY), pa.date32())


def timestamps_in(texts: Array) -> Array:
    """Return the timestamps of the texts that are one in ISO 8601, with a time; without a zone they are UTC.

    Texts finer than a microsecond are none, and those outside the years 1 to 9999 in UTC.
    """
    stamps = _all_of_one_form(texts)
    if stamps is None:
        stamps = _each_in_its_form(texts)
    return keep(stamps, between(stamps, _FIRST, _LAST))


def _all_of_one_form(texts: Array) -> Array | None:
    """Return the timestamps where all texts have a zone, or all have none: the usual case, in one cast."""
    for form in (TIMESTAMP.arrow, _LOCAL_TIMESTAMP):
        try:
            stamps = texts.cast(form)
        except pa.ArrowInvalid:
            continue
        shortest = pc.min(call("binary_length", texts)).as_py()
        return stamps.cast(TIMESTAMP.arrow) if shortest is None or shortest > _DATE_LENGTH else None
    return None


def _each_in_its_form(texts: Array) -> Array:
    zoned = cast_each(matching(texts, _ZONED), TIMESTAMP.arrow)
    local = cast_each(matching(texts, _LOCAL), _LOCAL_TIMESTAMP)
    return merged(zoned, local.cast(TIMESTAMP.arrow))
