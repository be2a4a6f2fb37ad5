"""What one batch brings for one table that merges or keeps history, and for the tables below it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

import pyarrow as pa
import pyarrow.compute as pc

from sinks.contract import Batch
from sinks.history import closings_of, event_columns, is_history_root
from sinks.merging import (
    LOAD_ID,
    ROOT_ID,
    ROW_ID,
    children_of,
    deletes_of,
    is_merged_root,
    merge_of,
    order_columns,
)
from sinks.schema import Schema, Table


@dataclass(frozen=True, slots=True)
class Arrival:
    """Rows and deletes of one root table, and the rows of all its child tables, parents before children."""

    table: Table
    rows: pa.Table
    deletes: pa.Table
    children: Mapping[str, tuple[Table, pa.Table | None]]

    @property
    def brought(self) -> tuple[str, ...]:
        """Return the columns that the rows have."""
        return tuple(self.rows.column_names)

    def without_rows(self, row_ids: Collection[str]) -> Arrival:
        """Return this without these root rows and what belongs to them."""
        if not row_ids:
            return self
        lost = pa.array(list(row_ids), pa.string())
        children = {
            name: (table, data if data is None else _without(data, ROOT_ID, lost))
            for name, (table, data) in self.children.items()
        }
        return replace(self, rows=_without(self.rows, ROW_ID, lost), children=children)

    def without_deletes(self, row_ids: Collection[str]) -> Arrival:
        """Return this without the deletes of these rows."""
        if not row_ids:
            return self
        return replace(self, deletes=_without(self.deletes, ROW_ID, pa.array(list(row_ids), pa.string())))


def arrivals(batch: Batch, schema: Schema) -> Iterator[Arrival]:
    """Yield what `batch` brings for each table that merges or keeps history, in the order of names, as all writers."""
    for name in sorted({*batch.tables, *batch.deletes}):
        table = schema.tables[name]
        if is_merged_root(table):
            needed = (ROW_ID, LOAD_ID, *merge_of(table).key, *order_columns(table))
            yield _arrival(batch, schema, table, needed, deletes_of(table))
        elif is_history_root(table):
            yield _arrival(batch, schema, table, event_columns(table), closings_of(table))


def _arrival(batch: Batch, schema: Schema, table: Table, needed: Collection[str], deleted: Table) -> Arrival:
    children = {child.name: (child, batch.tables.get(child.name)) for child in children_of(table.name, schema)}
    rows = _padded(batch.tables.get(table.name), table, needed)
    return Arrival(table, rows, _padded(batch.deletes.get(table.name), deleted, deleted.columns), children)


def staging_of(table: Table, purpose: str) -> Table:
    """Return the table for staged rows of the shape of `table`; its name stands for name, columns and types."""
    shape = repr([table.name, purpose, [(c.name, str(c.type)) for c in table.columns.values()]])
    name = f"hr_{purpose}_{blake2b(shape.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
    nullable = {name: replace(column, nullable=True) for name, column in table.columns.items()}
    return Table(name, nullable)


def _padded(data: pa.Table | None, table: Table, needed: Collection[str]) -> pa.Table:
    """Return `data` with a column of nulls for each that is needed and not there."""
    if data is None:
        return Table(table.name, {name: table.columns[name] for name in needed}).arrow.empty_table()
    for name in needed:
        if name not in data.column_names:
            data = data.append_column(name, pa.nulls(data.num_rows).cast(table.columns[name].type.arrow))
    return data


def _without(data: pa.Table, column: str, lost: pa.StringArray) -> pa.Table:
    return data.filter(pc.invert(pc.is_in(data[column], value_set=lost)))
