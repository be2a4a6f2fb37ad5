"""Casts that leave out what cannot be cast: by a mask over the column, so that few values are ever tried alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from stream.evolve.kernels import between, call, joined, keep
from stream.model.tables import Array

_DIGITS: Final = 38
_WIDE: Final = pa.decimal256(2 * _DIGITS, _DIGITS)  # all decimals of 38 digits, whatever their scale
_LEAST_BIGINT: Final = Decimal(-(2**63))
_MOST_BIGINT: Final = Decimal(2**63 - 1)


def cast_each(values: Array, to: pa.DataType) -> Array:
    """Return the values as `to`, null where a value cannot be exactly that."""
    if _may_wrap(values.type, to):
        return halved(_castable(values, to), to)
    try:
        return values.cast(to)
    except pa.ArrowInvalid:
        return halved(_castable(values, to), to)


def halved(values: Array, to: pa.DataType) -> Array:
    """Return the values as `to`, null where Arrow refuses one: by halves until the odd values stand alone.

    An exception for each of them; `cast_each` asks here for the few that it cannot tell beforehand.
    """
    try:
        return values.cast(to)
    except pa.ArrowInvalid:
        if len(values) == 1:
            return pa.nulls(1).cast(to)
    middle = len(values) // 2
    return joined([halved(values[:middle], to), halved(values[middle:], to)])


def _may_wrap(kind: pa.DataType, to: pa.DataType) -> bool:
    # Arrow 26 casts 123 from decimal(38,9) to decimal(38,38) without an error, and to another number.
    if not (types.is_decimal(kind) and types.is_decimal(to)):
        return False
    return bool(to.scale > kind.scale and to.precision - to.scale < kind.precision - kind.scale)


def _castable(values: Array, to: pa.DataType) -> Array:
    """Return the values without those that cannot be exactly `to`, as far as their type has a quick answer."""
    kind = values.type
    if types.is_decimal(kind) and kind.scale <= _DIGITS and kind.precision - kind.scale <= _DIGITS:
        return _castable_decimals(values, to)
    if types.is_uint64(kind) and types.is_int64(to):
        return keep(values, call("less_equal", values, pa.scalar(2**63 - 1, kind)))
    if types.is_temporal(kind) and types.is_temporal(to):
        return keep(values, call("equal", values.cast(to, safe=False).cast(kind, safe=False), values))
    return values


def _castable_decimals(values: Array, to: pa.DataType) -> Array:
    if types.is_decimal(to):
        most = Decimal("9" * (to.precision - to.scale) + "." + "9" * _DIGITS)
        least, scale = most.copy_negate(), to.scale
    elif types.is_int64(to):
        least, most, scale = _LEAST_BIGINT, _MOST_BIGINT, 0
    else:
        return values
    wide = values.cast(_WIDE)
    whole = call("equal", pc.round(wide, ndigits=scale, round_mode="towards_zero"), wide)
    return keep(values, call("and", whole, between(wide, pa.scalar(least, _WIDE), pa.scalar(most, _WIDE))))
