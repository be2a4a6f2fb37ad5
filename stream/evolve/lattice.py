"""The least type that holds all values of two types exactly, where there is one.

`join` is commutative, associative and idempotent, and None (no such type) absorbs: the order of chunks cannot matter.
bigint and double have no join: whether a value fits both is a question about the value, which `fit` answers for those
at hand and the destination for those that it holds (`Sink.can_widen`).
"""

from __future__ import annotations

from typing import Final

from sinks.schema import DATE, TIMESTAMP, DataType, decimal

MAX_DIGITS: Final = 38
_BIGINT_DIGITS: Final = 19


def join(left: DataType | None, right: DataType | None) -> DataType | None:
    """Return the least type at or above both, or None."""
    if left is None or right is None:
        return None
    if left == right:
        return left
    if {left.kind, right.kind} <= {"bigint", "decimal"}:
        return _join_numbers(left, right)
    return TIMESTAMP if {left, right} == {DATE, TIMESTAMP} else None


def _join_numbers(left: DataType, right: DataType) -> DataType | None:
    (whole, scale), (other_whole, other_scale) = _digits(left), _digits(right)
    before, after = max(whole, other_whole), max(scale, other_scale)
    return decimal(before + after, after) if before + after <= MAX_DIGITS else None


def _digits(number: DataType) -> tuple[int, int]:
    """Return how many digits a type has before and after the point."""
    if number.precision is None or number.scale is None:
        return _BIGINT_DIGITS, 0
    return number.precision - number.scale, number.scale
