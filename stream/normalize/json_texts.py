"""Nested columns as JSON text: what formats with more than JSON's values hold is written as text inside."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from stream.errors import UnsupportedValue
from stream.model.json_text import json_text
from stream.model.tables import Array
from stream.normalize.naming import Path


def json_texts(values: Array, path: Path) -> Array:
    """Return each value as JSON text: nanoseconds as Arrow prints them, NaN and infinities as their names."""
    plain: Any = values.cast(printable) if (printable := _without_nanoseconds(values.type)) != values.type else values
    return pa.array((None if value is None else _text(value, path) for value in plain.to_pylist()), pa.string())


def _text(value: Any, path: Path) -> str:
    try:
        return json_text(value, path)
    except UnsupportedValue:
        return json_text(_named(value), path)


def _named(value: Any) -> Any:
    """Return a value with the names of numbers that JSON has not."""
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {key: _named(member) for key, member in value.items()}
        case list():
            return [_named(item) for item in value]
        case _:
            return value


def _without_nanoseconds(kind: Any) -> pa.DataType:
    """Return a type whose times of nanoseconds, which Python has not, are text."""
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_nanoseconds(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, _without_nanoseconds(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_without_nanoseconds(kind.value_type))
    return kind  # type: ignore[no-any-return]  # what came in
