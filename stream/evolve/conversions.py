"""Which values of a column fit another type without loss, decided value by value, over whole columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import pyarrow as pa

from sinks.schema import BIGINT, EXACT_IN_DOUBLE, DataType, Kind, decimal
from stream.evolve.casts import cast_each
from stream.evolve.kernels import between, call, holds, keep, merged, without
from stream.evolve.texts import dates_in, numbers_in, text_of, timestamps_in
from stream.model.tables import Array

Rule: TypeAlias = Callable[[Array, DataType, DataType], Array]
"""Values, their type and the wanted type: the values as that type, null where one does not fit."""


def fit(values: Array, was: DataType, to: DataType) -> tuple[Array | None, Array | None]:
    """Return the values that fit `to`, as that type, and those that do not, as they were; null where it is the other.

    Either is None when there are no such values.
    """
    if was == to:
        return values, None
    rule = _RULES.get((was.kind, to.kind))
    if rule is None:
        return None, values
    fitting = rule(values, was, to)
    if fitting.null_count == values.null_count:
        return fitting, None
    if fitting.null_count == len(values):
        return None, values
    return fitting, without(values, fitting)


def _integer_to_double(values: Array, was: DataType, to: DataType) -> Array:
    near = between(values, pa.scalar(-EXACT_IN_DOUBLE), pa.scalar(EXACT_IN_DOUBLE))
    doubles = keep(values, near).cast(to.arrow)
    far = call("invert", near)
    return merged(doubles, _far_integer_to_double(keep(values, far), to)) if holds(far) else doubles


def _far_integer_to_double(values: Array, to: DataType) -> Array:
    rounded = values.cast(to.arrow, safe=False)
    return _printing_back(keep(values, call("equal", rounded.cast(values.type, safe=False), values)), to)


def _printing_back(wholes: Array, to: DataType) -> Array:
    """Return the doubles that are these numbers and print as them: 52011965437747856 is a double, but prints as ...860.

    One by one, as `decode` decides it: few numbers are that big and a double's.
    """
    numbers: list[Any] = wholes.drop_null().to_pylist()
    rounded = [(whole, float(whole)) for whole in numbers]
    found = [double if Decimal(repr(double)) == whole == Decimal(double) else None for whole, double in rounded]
    return call("replace_with_mask", pa.nulls(len(wholes)).cast(to.arrow), wholes.is_valid(), pa.array(found, to.arrow))


def _double_to_integer(values: Array, was: DataType, to: DataType) -> Array:
    """Beyond 2**53 a double stands for several integers, and prints as another one than it is."""
    whole = call("equal", call("floor", values), values)
    near = between(values, pa.scalar(-float(EXACT_IN_DOUBLE)), pa.scalar(float(EXACT_IN_DOUBLE)))
    return keep(values, call("and", whole, near)).cast(to.arrow)


def _integer_to_decimal(values: Array, was: DataType, to: DataType) -> Array:
    return cast_each(values.cast(decimal(19, 0).arrow), to.arrow)


def _by_cast(values: Array, was: DataType, to: DataType) -> Array:
    return cast_each(values, to.arrow)


def _double_to_decimal(values: Array, was: DataType, to: DataType) -> Array:
    return _integer_to_decimal(_double_to_integer(values, was, BIGINT), BIGINT, to)


def _decimal_to_double(values: Array, was: DataType, to: DataType) -> Array:
    wholes = cast_each(values, decimal(38, 0).arrow)
    integers = cast_each(wholes, BIGINT.arrow)
    doubles, far = _integer_to_double(integers, BIGINT, to), without(wholes, integers)
    return doubles if far.null_count == len(far) else merged(doubles, _printing_back(far, to))


def _to_text(values: Array, was: DataType, to: DataType) -> Array:
    return text_of(values, was)


def _from_text(values: Array, was: DataType, to: DataType) -> Array:
    return numbers_in(values, to)


def _text_to_timestamp(values: Array, was: DataType, to: DataType) -> Array:
    return timestamps_in(values)


def _text_to_date(values: Array, was: DataType, to: DataType) -> Array:
    return dates_in(values)


# What is not here never fits: a bool is no number, and a timestamp no text.
_RULES: Final[Mapping[tuple[Kind, Kind], Rule]] = {
    ("bigint", "double"): _integer_to_double,
    ("bigint", "decimal"): _integer_to_decimal,
    ("bigint", "text"): _to_text,
    ("double", "bigint"): _double_to_integer,
    ("double", "decimal"): _double_to_decimal,
    ("double", "text"): _to_text,
    ("decimal", "bigint"): _by_cast,
    ("decimal", "double"): _decimal_to_double,
    ("decimal", "decimal"): _by_cast,
    ("decimal", "text"): _to_text,
    ("text", "bigint"): _from_text,
    ("text", "double"): _from_text,
    ("text", "decimal"): _from_text,
    ("text", "timestamp"): _text_to_timestamp,
    ("text", "date"): _text_to_date,
    ("date", "timestamp"): _by_cast,
}
