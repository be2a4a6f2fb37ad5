"""Texts and what they say: numbers in their one canonical form, timestamps in ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks.schema import TIMESTAMP, DataType
from stream.evolve.casts import cast_each
from stream.evolve.kernels import between, call, keep, matching, merged
from stream.model.tables import Array

_NUMBER: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?$"
_BIGINT_TEXT: Final = r"^-?(0|[1-9][0-9]{0,18})$"
_BIGINT_DIGITS: Final = pa.decimal128(19, 0)
_MONTHS: Final = r"(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8])"
_LEAP_YEARS: Final = r"\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00"
_DATE: Final = rf"(\d{{4}}-({_MONTHS})|({_LEAP_YEARS})-02-29)"
_CLOCK: Final = r"([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?"
_ZONE: Final = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"
_DAY: Final = rf"^{_DATE}$"
_LOCAL: Final = rf"^{_DATE}[T ]{_CLOCK}$"
_ZONED: Final = rf"^{_DATE}[T ]{_CLOCK}{_ZONE}$"
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
        numbers = _each_number(texts, kind)
    return keep(numbers, call("equal", text_of(numbers, kind), texts))


def _each_number(texts: Array, kind: DataType) -> Array:
    match kind.kind:
        case "bigint":
            return cast_each(matching(texts, _BIGINT_TEXT).cast(_BIGINT_DIGITS), kind.arrow)
        case "decimal":
            return cast_each(matching(texts, _decimal_text(kind)), kind.arrow)
        case _:
            return cast_each(matching(texts, _NUMBER), kind.arrow)


def _decimal_text(kind: DataType) -> str:
    """Return the pattern of the canonical texts of a decimal type's numbers."""
    scale = kind.scale or 0
    before = (kind.precision or 0) - scale
    whole = rf"(0|[1-9][0-9]{{0,{before - 1}}})" if before else "0"
    fraction = rf"(\.[0-9]{{0,{scale - 1}}}[1-9])?" if scale else ""
    return rf"^-?{whole}{fraction}$"


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
