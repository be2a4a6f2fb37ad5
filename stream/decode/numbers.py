"""JSON numbers as Python values that keep every digit that was written."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from stream.decode.reasons import InvalidRecord, Reason

MAX_DIGITS: Final = 1_000  # written out without an exponent; no type of any destination holds that many


def read_integer(text: str) -> int:
    """Return the integer that `text` writes. Raises `InvalidRecord` past `MAX_DIGITS`."""
    if len(text) > MAX_DIGITS:
        raise _too_long(text)
    return int(text)


def read_fraction(text: str) -> float | Decimal:
    """Return the double that prints back as `text`, else the decimal. Raises `InvalidRecord` past `MAX_DIGITS`."""
    number = float(text)
    if repr(number) == text:
        return number
    exact = _decimal(text)
    if prints_back(number, exact):
        return number
    if max(abs(exact.adjusted()), len(exact.as_tuple().digits)) >= MAX_DIGITS:
        raise _too_long(text)
    return exact


def prints_back(number: float, exact: Decimal) -> bool:
    """Return whether `number`, printed as short as possible or with 17 digits, has the digits of `exact`.

    Programs print doubles in one of these two ways, so what they wrote is a double and is fully kept by one.
    """
    return Decimal(repr(number)) == exact or Decimal(f"{number:.17g}") == exact


def is_faithful(text: str) -> bool:
    """Return whether a double keeps the number that `text` writes; true as well for text that is no number."""
    try:
        return prints_back(float(text), Decimal(text))
    except InvalidOperation:  # an exponent beyond what Decimal can count
        return False
    except ValueError:
        return True


def held_by_doubles(value: object) -> bool:
    """Return whether every number inside `value`, as read here, keeps its value as a double."""
    match value:
        case dict():
            return all(map(held_by_doubles, value.values()))
        case list():
            return all(map(held_by_doubles, value))
        case int():
            return -(2**53) <= value <= 2**53 or _survives(value)
        case _:
            return not isinstance(value, Decimal)


def _survives(value: int) -> bool:
    """Return whether `value` is a double and prints back as such: 52011965437747856 is one, but prints as ...860."""
    try:
        return Decimal(repr(float(value))) == value == Decimal(float(value))
    except OverflowError:
        return False


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:  # an exponent beyond what Decimal can count
        raise _too_long(text) from error


def _too_long(text: str) -> InvalidRecord:
    return InvalidRecord(Reason.NUMBER_TOO_LONG, f"the number {text[:20]}... has more than {MAX_DIGITS:,} digits")
