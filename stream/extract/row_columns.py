"""Rows as columns, where Arrow's own reading of Python values is exact: in one call instead of one for each value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from sinks.schema import TIMESTAMP
from stream.model.tables import Array

_USUAL_DIGITS: Final = 38
_USUAL_SCALE: Final = 9  # the normalizer's: one scale for most decimals spares a widening with each new one
_NONE: Final = type(None)
_ERRORS: Final = (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError)


def as_columns(rows: Sequence[Any]) -> pa.Table | None:
    """Return rows (objects, or scalars for a column `value`) as a table that says exactly the same, or None.

    None where types mix, where a number is not finite or too large, and for what Arrow reads in its own way (a set, an
    instant among dates): `plain_row` is exact there.
    """
    try:
        found = pa.array(rows)
    except _ERRORS:
        return None
    if not isinstance(found, pa.StructArray):
        return _one_column(rows, found)
    if any(not isinstance(row, dict) for row in rows):
        return None
    columns: dict[str, Array] = {}
    for field, values in zip(found.type, found.flatten(), strict=True):
        exact = values if _is_exact(values) else _special(rows, field.name, values)
        if exact is None:
            return None
        columns[field.name] = exact
    return pa.table(columns) if columns else None


def _one_column(rows: Sequence[Any], values: Array) -> pa.Table | None:
    if types.is_null(values.type) or types.is_nested(values.type) or not _is_exact(values):
        return None
    return pa.table({"value": values}) if not any(isinstance(row, dict) for row in rows) else None


def _is_exact(values: Array) -> bool:
    """Return whether each Python value that can give such a column is exactly what the column holds."""
    kind = values.type
    if types.is_floating(kind):
        return bool(pc.all(pc.is_finite(values)).as_py() is not False)
    if isinstance(values, pa.StructArray):
        return len(set(kind.names)) == kind.num_fields and all(map(_is_exact, values.flatten()))
    if types.is_list(kind):
        return not types.is_null(kind.value_type) and _is_exact(pc.call_function("list_flatten", [values]))
    return bool(types.is_null(kind) or types.is_boolean(kind) or types.is_int64(kind) or types.is_string(kind))


def _special(rows: Sequence[dict[str, Any]], name: str, values: Array) -> Array | None:
    """Return a column of one kind of Python value that Arrow reads exactly when it stands alone."""
    kind = values.type
    found = {type(row.get(name)) for row in rows} - {_NONE}
    if types.is_timestamp(kind) and found == {datetime}:
        return values.cast(TIMESTAMP.arrow)
    if types.is_date(kind) and found == {date}:
        return values
    if types.is_time(kind) and found == {time} and not any(_has_zone(row.get(name)) for row in rows):
        return values
    if types.is_binary(kind) and found == {bytes}:
        return values
    if types.is_decimal(kind) and found <= {Decimal, int}:
        return values.cast(_usual(kind))
    return None


def _has_zone(value: time | None) -> bool:
    return value is not None and value.tzinfo is not None


def _usual(kind: Any) -> pa.DataType:
    """Return the decimal type that the normalizer gives to such numbers one by one."""
    if kind.scale <= 0:
        return pa.decimal128(_USUAL_DIGITS, 0)
    if kind.scale <= _USUAL_SCALE and kind.precision - kind.scale <= _USUAL_DIGITS - _USUAL_SCALE:
        return pa.decimal128(_USUAL_DIGITS, _USUAL_SCALE)
    return pa.decimal128(_USUAL_DIGITS, kind.scale)
