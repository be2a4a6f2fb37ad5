"""The columnar path: nested Arrow columns become flat ones and child tables. No Python object per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stream.model import ArrowDocuments
from stream.model.tables import Array, whole
from stream.normalize.json_texts import json_texts
from stream.normalize.naming import LIST_KEY, VALUE_KEY, Path
from stream.normalize.row_ids import LIST_INDEX, PARENT_ID, ROOT_ID, ROW_ID, child_ids, path_tag, positions
from stream.normalize.table_builders import Chunk, TableBuilder, TableBuilders, chunk_of


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one table: their ids, the ids of the root rows they belong to, and the columns so far."""

    draft: TableBuilder
    ids: Array
    roots: Array
    chunk: Chunk
    declared: bool


@dataclass(frozen=True, slots=True)
class Flattener:
    """Takes nested columns apart, into `drafts`; `max_nesting` levels of them, or all."""

    drafts: TableBuilders
    max_nesting: int | None

    def flatten(self, documents: ArrowDocuments, root: TableBuilder, identity: Mapping[str, Array]) -> None:
        """Add the documents to `root` and its children; `identity` holds the columns that go before the data."""
        root.described.update(documents.described)
        rows = _Rows(root, identity[ROW_ID], identity[ROW_ID], chunk_of(identity.items()), documents.declared)
        for key, column in zip(documents.data.column_names, documents.data.columns, strict=True):
            self._value(rows, (key,), whole(column), depth=0)
        root.chunks.append(rows.chunk.table())

    def _value(self, rows: _Rows, path: Path, values: Array, depth: int) -> None:
        kind = values.type
        opens = self.max_nesting is None or depth < self.max_nesting
        if values.null_count == len(values) and (pa.types.is_null(kind) or not rows.declared):
            return
        if pa.types.is_map(kind):
            self._value(rows, path, values.cast(_entries(kind)), depth)
        elif not pa.types.is_nested(kind):
            rows.chunk.add(rows.draft.column(path), values, declared=rows.declared)
        elif not opens:
            rows.chunk.add(rows.draft.column(path), json_texts(values, path), json=True, declared=rows.declared)
        elif isinstance(values, pa.StructArray):
            self._object(rows, path, values, depth + 1)
        else:
            self._list(rows, path, values, depth + 1)

    def _object(self, rows: _Rows, path: Path, values: pa.StructArray, depth: int) -> None:
        for member, column in zip(values.type, values.flatten(), strict=True):
            self._value(rows, (*path, member.name), column, depth)

    def _list(self, rows: _Rows, path: Path, lists: Array, depth: int) -> None:
        elements, parents = _elements(lists)
        if len(elements) == 0:
            return
        indices = _indices(lists, parents)
        parent_ids, roots = rows.ids.take(parents), rows.roots.take(parents)
        ids = child_ids(parent_ids, path_tag(path), indices)
        identity = {ROW_ID: ids, PARENT_ID: parent_ids, ROOT_ID: roots, LIST_INDEX: indices}
        children = _Rows(self.drafts.child(rows.draft, path), ids, roots, chunk_of(identity.items()), rows.declared)
        if isinstance(elements, pa.StructArray):
            self._object(children, (), elements, depth)
        else:
            inner = pa.types.is_nested(elements.type)
            self._value(children, (LIST_KEY if inner else VALUE_KEY,), elements, depth)
        children.draft.chunks.append(children.chunk.table())


def _elements(lists: Array) -> tuple[Array, Array]:
    """Return the elements of all lists that are not null, and for each the index of its list."""
    elements: Array = pc.list_flatten(lists)
    parents: Array = pc.list_parent_indices(lists)
    if len(elements) != len(parents):  # a null list that still has elements, which only list_flatten leaves out
        present = pc.is_valid(lists)
        rows = positions(len(lists)).filter(present)
        parents = rows.take(pc.list_parent_indices(lists.filter(present)))
    return elements, parents


def _indices(lists: Array, parents: Array) -> Array:
    """Return the index of each element in its list, from 0."""
    lengths: Array = pc.list_value_length(lists).cast(pa.int64()).fill_null(0)
    starts: Array = pc.subtract(pc.cumulative_sum(lengths), lengths)
    indices: Array = pc.subtract(positions(len(parents)), starts.take(parents))
    return indices


def _entries(kind: pa.MapType[Any, Any, Any]) -> pa.DataType:
    return pa.list_(pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)]))
