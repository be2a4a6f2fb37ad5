"""Arrow data in the plain types that columns come in: each value as it was, or a refusal that names the column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from stream.errors import ConfigError
from stream.model.tables import Array

_UUID, _JSON, _BOOL8 = "arrow.uuid", "arrow.json", "arrow.bool8"


def plain_table(data: pa.Table) -> pa.Table:
    """Return `data` without dictionaries, views, run-ends and extension types, nested ones included.

    Times finer than a microsecond, decimals of more than 38 digits and the like stay as they are: the evolver keeps
    them as text where a column cannot hold them. Raises `ConfigError` for columns of one name, and for a type that
    has no column (durations, unions, unknown extensions), by the column's name.
    """
    names = data.schema.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"this Arrow table has columns of one name: {', '.join(twice)}; rename them")
    columns = [_plain_column(column, name) for name, column in zip(names, data.columns, strict=True)]
    return pa.Table.from_arrays(columns, names=names)


def slices(data: pa.Table, max_bytes: int) -> Iterator[pa.Table]:
    """Yield `data` in parts of about `max_bytes`, without a copy."""
    rows = max(1, data.num_rows * max_bytes // max(1, data.nbytes))
    for start in range(0, data.num_rows, rows):
        yield data.slice(start, rows)


def _plain_column(column: pa.ChunkedArray[Any], name: str) -> pa.ChunkedArray[Any]:
    chunks = column.chunks or [pa.array([], column.type)]
    return pa.chunked_array([_plain(chunk, name) for chunk in chunks])


def _plain(values: Array, path: str) -> Array:
    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _plain(_storage(values, path), path)
    if types.is_dictionary(kind):
        return _plain(values.cast(kind.value_type), path)
    if types.is_run_end_encoded(kind):
        return _plain(pc.call_function("run_end_decode", [values]), path)
    if types.is_string_view(kind) or types.is_large_string(kind):
        return values.cast(pa.string())
    if types.is_binary_view(kind) or types.is_large_binary(kind):
        return values.cast(pa.binary())
    if isinstance(values, pa.MapArray):
        return _plain(values.cast(_entries(kind)), path)
    if isinstance(values, pa.StructArray):
        return _plain_struct(values, path)
    if types.is_nested(kind) and not types.is_union(kind):
        return _plain_list(values, path)
    if types.is_duration(kind) or types.is_interval(kind) or types.is_union(kind):
        raise ConfigError(
            f"column {path}: there is no column type for Arrow's {kind}; cast it to a number or to text first"
        )
    return values


def _storage(values: pa.ExtensionArray[Any], path: str) -> Array:
    name = getattr(values.type, "extension_name", "")
    if name == _UUID:
        return pa.array((None if v is None else str(UUID(bytes=v)) for v in values.storage.to_pylist()), pa.string())
    storage: Array = values.storage
    if name == _JSON:
        return storage
    if name == _BOOL8:
        return storage.cast(pa.bool_())
    raise ConfigError(
        f"column {path}: there is no column type for Arrow's extension {name or values.type}; cast it to a plain type "
        "first"
    )


def _plain_struct(values: pa.StructArray, path: str) -> Array:
    names = [field.name for field in values.type]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"column {path} has members of one name: {', '.join(twice)}; rename them")
    members = [_plain(member, f"{path}.{name}") for name, member in zip(names, values.flatten(), strict=True)]
    if all(member.type == field.type for member, field in zip(members, values.type, strict=True)):
        return values
    return pa.StructArray.from_arrays(members, names=names, mask=values.is_null())


def _plain_list(values: Array, path: str) -> Array:
    elements = _plain(pc.call_function("list_flatten", [values]), path)
    if types.is_list(values.type) and elements.type == values.type.value_type:
        return values
    lengths: Array = pc.call_function("list_value_length", [values]).cast(pa.int32()).fill_null(0)
    ends: Array = pc.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    lists: Array = pa.ListArray.from_arrays(offsets, elements, mask=values.is_null())  # type: ignore[call-overload]
    return lists


def _entries(kind: pa.MapType[Any, Any, Any]) -> pa.DataType:
    return pa.list_(pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)]))
