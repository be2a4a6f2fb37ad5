"""The newest event of each key, as a row or as a delete; what belongs to the others is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks import Schema, Table
from sinks.merging import ROOT_ID, ROW_ID, TIME, children_of, deletes_of, is_merged_root, merge_of
from stream.dispositions.keys import key_ids, with_key
from stream.dispositions.order import newest_of
from stream.model.tables import Array

_PARENT_ID: Final = "_hr_parent_id"
_DELETES: Final = "is a delete"


@dataclass(frozen=True, slots=True)
class Merged:
    """The tables of a batch in which each key of a table that merges is there once, in `tables` or in `deletes`.

    `refused` says, by row id, which root rows have a key of another type than its column.
    """

    tables: Mapping[str, pa.Table]
    deletes: Mapping[str, pa.Table] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def merged(
    tables: Mapping[str, pa.Table],
    schema: Schema,
    tombstones: Mapping[str, pa.Table],
    hard_deletes: Mapping[str, str],
    now: datetime,
) -> Merged:
    """Return the newest event of each key of the tables that merge; other tables are left as they are. Pure.

    `tombstones`: by root table, deletes that have no row, with the columns of key and order. `hard_deletes`: the
    column, by root table, in which true, or any value that is no bool, makes a row a delete. `now` is the time of a
    delete that does not come from Kafka. The id of a root row becomes the text of its key.
    """
    kept, deletes, refused = dict(tables), dict[str, pa.Table](), dict[str, str]()
    for name in {*tables, *tombstones}:
        if is_merged_root(table := schema.tables[name]):
            rows = tables.get(name)
            if rows is not None:
                rows, keyless = with_key(table, rows)
                refused |= keyless
            events = _Events.of(table, rows, tombstones.get(name), hard_deletes.get(name))
            winners = events.newest()
            kept |= _rows(table, schema, tables, winners)
            gone = _deletes(table, winners, now)
            if gone.num_rows:
                deletes[name] = gone
    return Merged({name: table for name, table in kept.items() if table.num_rows}, deletes, refused)


@dataclass(frozen=True, slots=True)
class _Events:
    """Rows of one table and tombstones, as one table with what identifies and orders them."""

    table: Table
    all: pa.Table

    @classmethod
    def of(cls, table: Table, rows: pa.Table | None, tombstones: pa.Table | None, hard: str | None) -> _Events:
        """Return the events of rows and tombstones."""
        parts = []
        if rows is not None:
            marks = delete_marks(rows, hard)
            parts.append(rows.append_column(_DELETES, marks))
        if tombstones is not None:
            parts.append(tombstones.append_column(_DELETES, pa.repeat(pa.scalar(True), tombstones.num_rows)))
        return cls(table, pa.concat_tables(parts, promote_options="default").combine_chunks())

    def newest(self) -> pa.Table:
        """Return the event that counts of each key: the newest, or the first where the first one wins."""
        write = merge_of(self.table)
        return newest_of(self.all, write.key, write.sort, first=write.strategy == "insert-only")


def delete_marks(rows: pa.Table, hard: str | None) -> Any:
    """Return for each row whether it is a delete: true, or any value that is no bool, in the column `hard`."""
    if hard is None or hard not in rows.column_names:
        return pa.repeat(pa.scalar(False), rows.num_rows)
    column: Any = rows[hard]
    return pc.fill_null(column, False) if pa.types.is_boolean(column.type) else column.is_valid()


def _rows(table: Table, schema: Schema, tables: Mapping[str, pa.Table], winners: pa.Table) -> dict[str, pa.Table]:
    """Return the root rows that won, and what is below them, under the ids of their keys."""
    if table.name not in tables:
        return {}
    live = winners.select(tables[table.name].column_names)
    if pc.any(winners[_DELETES]).as_py():
        live = live.filter(pc.invert(winners[_DELETES])).combine_chunks()
    old, new = _whole(live[ROW_ID]), key_ids([_whole(live[name]) for name in merge_of(table).key])
    rows = {table.name: _with(live, ROW_ID, new)}
    for child in children_of(table.name, schema):
        if child.name in tables:
            rows[child.name] = _below(tables[child.name], table.name == child.parent, old, new)
    return rows


def _below(data: pa.Table, direct: bool, old: Array, new: Array) -> pa.Table:
    roots: Any = pc.index_in(data[ROOT_ID], value_set=old)
    if roots.null_count:
        data, roots = data.filter(roots.is_valid()), roots.drop_null()
    ids = new.take(_whole(roots))
    data = _with(data, ROOT_ID, ids)
    return _with(data, _PARENT_ID, ids) if direct else data


def _deletes(table: Table, winners: pa.Table, now: datetime) -> pa.Table:
    """Return the deletes that won, with the columns that a sink wants."""
    gone = winners.filter(winners[_DELETES]).combine_chunks()
    wanted = deletes_of(table)
    columns: dict[str, Any] = {ROW_ID: key_ids([_whole(gone[name]) for name in merge_of(table).key])}
    for name, column in wanted.columns.items():
        if name != ROW_ID and name in gone.column_names:
            columns[name] = gone[name].cast(column.type.arrow)
    if soft := merge_of(table).soft_delete:
        at = pa.array([now] * gone.num_rows, wanted.columns[soft].type.arrow)
        columns[soft] = pc.coalesce(gone[TIME], at) if TIME in gone.column_names else at
    return pa.table({name: columns[name] for name in wanted.columns if name in columns})


def _with(data: pa.Table, name: str, values: Array) -> pa.Table:
    index = data.schema.get_field_index(name)
    return data.set_column(index, data.schema.field(index), values) if index >= 0 else data


def _whole(column: pa.ChunkedArray[Any]) -> Array:
    whole: Array = column.combine_chunks()
    return whole
