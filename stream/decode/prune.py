"""Take away what holds nothing but nulls: a null makes no column, and a key that is absent is the same as null."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def pruned(table: pa.Table) -> pa.Table:
    """Return the table without keys that are null in every row, at any depth; lists and objects stay what they are.

    So a table does not show which keys the template knew from earlier batches.
    """
    before = [column.combine_chunks() for column in table.columns]
    after = [_pruned(column) for column in before]
    kept = [index for index, column in enumerate(after) if not pa.types.is_null(column.type)]
    table = table.select(kept)
    for place, index in enumerate(kept):
        if after[index] is not before[index]:
            table = table.set_column(place, table.field(place).name, after[index])
    return table


def _pruned(array: pa.Array[Any]) -> pa.Array[Any]:
    """Return `array` itself where there is nothing to take away, an array of type null where all is."""
    if array.null_count == len(array):
        return pa.nulls(len(array))
    if isinstance(array, pa.StructArray):
        return _pruned_struct(array)
    if isinstance(array, pa.ListArray):
        return _pruned_list(array)
    return array


def _pruned_struct(array: pa.StructArray) -> pa.Array[Any]:
    names = [field.name for field in array.type]
    before = [array.field(index) for index in range(len(names))]
    after = [_pruned(child) for child in before]
    if all(new is old for new, old in zip(after, before, strict=True)):
        return array
    kept = [(name, child) for name, child in zip(names, after, strict=True) if not pa.types.is_null(child.type)]
    kind = pa.struct([pa.field(name, child.type) for name, child in kept])
    children = [child for _, child in kept]
    return pa.Array.from_buffers(kind, len(array), [_validity(array)], children=children)


def _pruned_list(array: pa.ListArray[Any]) -> pa.Array[Any]:
    items = pc.list_flatten(array)
    after = _pruned(items)
    if after is items or after.type == items.type:
        return array
    kind = pa.list_(after.type)
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    ends = pc.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.cast(pa.int32())])
    return pa.Array.from_buffers(kind, len(array), [_validity(array), offsets.buffers()[1]], children=[after])


def _validity(array: pa.Array[Any]) -> pa.Buffer | None:
    return pc.is_valid(array).buffers()[1] if array.null_count else None
