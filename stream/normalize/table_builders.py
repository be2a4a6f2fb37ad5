"""Tables in the making: names given, chunks gathered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sinks.schema import ColumnHints
from stream.model import FlatTable
from stream.model.tables import DECLARED_MARK, JSON_MARK, Array
from stream.normalize.naming import SEPARATOR, Names, Namespace, Path, normalize_key, normalize_path


@dataclass(slots=True, eq=False)
class TableBuilder:
    """One table of the batch while its chunks are gathered."""

    name: str
    parent: str | None
    source: Path
    names: Namespace
    columns: dict[Path, str] = field(default_factory=dict)
    chunks: list[pa.Table] = field(default_factory=list)
    described: dict[Path, ColumnHints] = field(default_factory=dict)  # one for a root table and its children

    def column(self, path: Path) -> str:
        """Return the name of the column for the values at `path`, which from now on is a column of this table."""
        name = self.columns.get(path)
        if name is None:
            name = self.columns[path] = self.names.column(path)
        return name

    def finished(self) -> FlatTable:
        """Return the table as it stands."""
        origins = {name: path for path, name in self.columns.items()}
        return FlatTable(self.name, tuple(self.chunks), self.parent, self.source, origins, self.described)


class TableBuilders:
    """All tables of the batch in the making, parents before children."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._tables = names.tables()
        self._drafts: dict[str, TableBuilder] = {}

    def root(self, wanted: str) -> TableBuilder:
        """Return the root table for that original name."""
        return self._draft(None, (wanted,), normalize_path((wanted,), self._names.script), wanted)

    def child(self, parent: TableBuilder, path: Path) -> TableBuilder:
        """Return the table for the lists at `path` in the rows of `parent`."""
        keys = (normalize_key(key, self._names.script) for key in path)
        wanted = SEPARATOR.join((parent.name, *keys))
        child = self._draft(parent.name, path, wanted, SEPARATOR.join((parent.name, *path)))
        child.described = parent.described
        return child

    def _draft(self, parent: str | None, source: Path, wanted: str, original: str) -> TableBuilder:
        name = self._tables.name((parent, source), wanted, original)
        if name not in self._drafts:
            self._drafts[name] = TableBuilder(name, parent, source, self._names.columns(name))
        return self._drafts[name]

    def finished(self) -> tuple[FlatTable, ...]:
        """Return the tables that have rows."""
        return tuple(draft.finished() for draft in self._drafts.values() if draft.chunks)


@dataclass(slots=True)
class Chunk:
    """Columns of equal length, gathered by name."""

    fields: list[pa.Field[Any]] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)

    def add(self, name: str, values: Array, *, json: bool = False, declared: bool = False) -> None:
        """Add a column; `json` marks text that is a JSON document, `declared` a type that a schema gives."""
        marks = {**(JSON_MARK if json else {}), **(DECLARED_MARK if declared else {})}
        self.fields.append(pa.field(name, values.type, metadata=marks or None))
        self.arrays.append(values)

    def table(self) -> pa.Table:
        """Return the columns as a table."""
        return pa.Table.from_arrays(self.arrays, schema=pa.schema(self.fields))


def chunk_of(columns: Iterable[tuple[str, Array]]) -> Chunk:
    """Return a chunk that begins with these columns."""
    chunk = Chunk()
    for name, values in columns:
        chunk.add(name, values)
    return chunk
