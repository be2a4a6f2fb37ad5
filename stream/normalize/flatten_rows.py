"""The exact path: Python values, row by row, into the same tables, names and ids as the columnar path gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from sinks.schema import BIGINT, JSON, TEXT, DataType
from stream.errors import UnsupportedValue
from stream.model import RowDocuments
from stream.model.json_text import json_text
from stream.model.tables import Array
from stream.normalize.naming import LIST_KEY, VALUE_KEY, Path, dotted
from stream.normalize.row_ids import LIST_INDEX, PARENT_ID, ROOT_ID, ROW_ID, child_id, path_tag
from stream.normalize.scalars import Cell, cell
from stream.normalize.table_builders import TableBuilder, TableBuilders, chunk_of

_MOST_CELLS: Final = 262_144  # a chunk of twenty columns has 13,000 rows then; one of keys that are ids 512
_CHILD = {ROW_ID: TEXT, PARENT_ID: TEXT, ROOT_ID: TEXT, LIST_INDEX: BIGINT}


@dataclass(slots=True)
class _Row:
    """One row in the making; `system` is set on child rows, whose ids are not known as columns beforehand."""

    draft: TableBuilder
    id: str
    root_id: str
    system: tuple[str, str, str, int] | None = None
    cells: dict[str, Cell] = field(default_factory=dict)


@dataclass(slots=True)
class RowFlattener:
    """Takes Python values apart, into `drafts`; `max_nesting` levels of them, or all."""

    drafts: TableBuilders
    max_nesting: int | None
    _rows: dict[TableBuilder, list[_Row]] = field(default_factory=dict)

    def flatten(self, documents: RowDocuments, root: TableBuilder, identity: Mapping[str, Array]) -> None:
        """Add the documents to `root` and its children; `identity` holds the columns that go before the data."""
        self._rows = {}
        ids: list[Any] = identity[ROW_ID].to_pylist()
        for row_id, document in zip(ids, documents.values, strict=True):
            self._element(self._new(_Row(root, row_id, row_id)), document, depth=0)
        for draft, rows in self._rows.items():
            columns = identity if draft is root else _child_identity(rows)
            for start, stop in _runs(rows):
                part = {name: column[start:stop] for name, column in columns.items()}
                draft.chunks.append(_chunk(rows[start:stop], part))

    def _new(self, row: _Row) -> _Row:
        self._rows.setdefault(row.draft, []).append(row)
        return row

    def _element(self, row: _Row, value: Any, depth: int) -> None:
        if isinstance(value, dict):
            self._object(row, (), value, depth)
        else:
            key = LIST_KEY if isinstance(value, (list, tuple)) else VALUE_KEY
            self._value(row, (key,), value, depth)

    def _value(self, row: _Row, path: Path, value: Any, depth: int) -> None:
        opens = self.max_nesting is None or depth < self.max_nesting
        if value is None:
            return
        if not isinstance(value, (dict, list, tuple)):
            row.cells[row.draft.column(path)] = cell(value, path)
        elif not opens:
            row.cells[row.draft.column(path)] = JSON, json_text(value, path)
        elif isinstance(value, dict):
            self._object(row, path, value, depth + 1)
        elif value:
            self._list(row, path, value, depth + 1)

    def _object(self, row: _Row, path: Path, members: dict[Any, Any], depth: int) -> None:
        for key, value in members.items():
            if not isinstance(key, str):
                raise UnsupportedValue(f"{dotted(path)}: the key {key!r} is no text; keys of an object are text")
            self._value(row, (*path, key), value, depth)

    def _list(self, row: _Row, path: Path, elements: list[Any] | tuple[Any, ...], depth: int) -> None:
        draft, mark = self.drafts.child(row.draft, path), path_tag(path)
        for index, element in enumerate(elements):
            row_id = child_id(row.id, mark, index)
            child = self._new(_Row(draft, row_id, row.root_id, (row_id, row.id, row.root_id, index)))
            self._element(child, element, depth)


def _child_identity(rows: list[_Row]) -> Mapping[str, Array]:
    columns = zip(*(row.system for row in rows if row.system is not None), strict=True)
    pairs = zip(_CHILD.items(), columns, strict=True)
    return {name: pa.array(values, kind.arrow) for (name, kind), values in pairs}


def _runs(rows: list[_Row]) -> Iterator[tuple[int, int]]:
    """Yield where to cut the rows so that no chunk has too many cells: keys that are ids make a column for each row."""
    start, columns = 0, set[str]()
    for index, row in enumerate(rows):
        columns |= row.cells.keys()
        if len(columns) * (index + 1 - start) > _MOST_CELLS and index > start:
            yield start, index
            start, columns = index, set(row.cells)
    yield start, len(rows)


def _chunk(rows: list[_Row], identity: Mapping[str, Array]) -> pa.Table:
    """Return the rows as a table with one column for each type under a name; a value is in just one of them."""
    chunk = chunk_of(identity.items())
    for name, by_type in _columns(rows).items():
        for kind, values in by_type.items():
            chunk.add(name, pa.array(values, kind.arrow), json=kind == JSON)
    return chunk.table()


def _columns(rows: list[_Row]) -> dict[str, dict[DataType, list[Any]]]:
    """Return the values of all rows by name and type, in order of first appearance, None where a row has no such."""
    columns: dict[str, dict[DataType, list[Any]]] = {}
    for index, row in enumerate(rows):
        for name, (kind, value) in row.cells.items():
            by_type = columns.setdefault(name, {})
            if kind not in by_type:
                by_type[kind] = [None] * len(rows)
            by_type[kind][index] = value
    return columns
