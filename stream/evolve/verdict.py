"""What a contract says of the rows of a batch: which are refused, which are dropped, and how many values with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from stream.evolve.evolved import Misfit
from stream.evolve.kernels import joined
from stream.evolve.root_rows import ROW_ID, without_roots
from stream.model import FlatTable
from stream.model.tables import Array

PARENT_ID = "_hr_parent_id"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Root rows that are refused or discarded, by id, and rows of a child table that are dropped with what is below."""

    refused: Mapping[str, Misfit] = field(default_factory=dict)
    discarded: Mapping[str, Misfit] = field(default_factory=dict)
    dropped: tuple[str, Collection[str]] | None = None

    def __bool__(self) -> bool:
        return bool(self.refused or self.discarded or self.dropped)

    def applied(self, tables: Sequence[FlatTable]) -> tuple[FlatTable, ...]:
        """Return the tables without these rows; tables that had no others are left out."""
        left = without_roots(tables, {*self.refused, *self.discarded})
        return _without_rows(left, *self.dropped) if self.dropped else left


def _without_rows(tables: Sequence[FlatTable], name: str, ids: Collection[str]) -> tuple[FlatTable, ...]:
    """Return the tables without these rows of one child table, and without what lies below them."""
    gone: dict[str, Array] = {name: pa.array(ids, pa.string())}
    left: list[FlatTable] = []
    for table in tables:  # parents before children
        if table.name == name:
            left.append(_filtered(table, ROW_ID, gone[name]))
        elif table.parent in gone:
            gone[table.name] = _ids_below(table, gone[table.parent])
            left.append(_filtered(table, PARENT_ID, gone[table.parent]))
        else:
            left.append(table)
    return tuple(table for table in left if table.num_rows)


def _ids_below(table: FlatTable, parents: Array) -> Array:
    ids = [chunk.filter(pc.is_in(joined(chunk[PARENT_ID].chunks), parents))[ROW_ID] for chunk in table.chunks]
    return joined([array for column in ids for array in column.chunks] or [pa.array([], pa.string())])


def _filtered(table: FlatTable, by: str, ids: Array) -> FlatTable:
    chunks = (chunk.filter(pc.invert(pc.is_in(joined(chunk[by].chunks), ids))) for chunk in table.chunks)
    return replace(table, chunks=tuple(chunk for chunk in chunks if chunk.num_rows))
