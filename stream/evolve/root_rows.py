"""Rows by the root row that they belong to: a record is in the tables with all its rows, or with none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stream.evolve.kernels import call, joined
from stream.model import FlatTable
from stream.model.tables import Array

ROW_ID = "_hr_id"
ROOT_ID = "_hr_root_id"


def root_ids(chunk: pa.Table) -> Array:
    """Return the id of the root row that each row of a chunk belongs to; a root row belongs to itself."""
    return joined(chunk[ROOT_ID if chunk.schema.get_field_index(ROOT_ID) >= 0 else ROW_ID].chunks)


def roots_with(roots: Array, columns: Iterable[Array]) -> list[str]:
    """Return the ids among `roots`, the root of each row, for which at least one of `columns` has a value there."""
    some: Array | None = None
    for column in columns:
        some = column.is_valid() if some is None else call("or", some, column.is_valid())
    return [] if some is None else distinct_texts(roots.filter(some))


def distinct_texts(ids: Array) -> list[str]:
    """Return the texts of a column without nulls, each once."""
    texts: list[Any] = ids.unique().to_pylist()
    return texts


def without_roots(tables: Sequence[FlatTable], ids: Collection[str]) -> tuple[FlatTable, ...]:
    """Return the tables without the rows of these roots; tables that had no others are left out."""
    wanted = pa.array(ids, pa.string())
    left = (_without(table, wanted) for table in tables)
    return tuple(table for table in left if table.num_rows)


def _without(table: FlatTable, ids: Array) -> FlatTable:
    chunks = (chunk.filter(pc.invert(pc.is_in(root_ids(chunk), ids))) for chunk in table.chunks)
    return replace(table, chunks=tuple(chunk for chunk in chunks if chunk.num_rows))
