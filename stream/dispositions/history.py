"""Events as a table that keeps history takes them: what each says, from when, and which of them are deletes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks import Schema, Table
from sinks.history import CONTENT, VALID_FROM, closings_of, history_of, is_history_root, sort_columns, tells_time
from sinks.merging import OFFSET, ROOT_ID, ROW_ID, TIME, children_of
from stream.dispositions.content import content_hashes
from stream.dispositions.keys import with_key
from stream.dispositions.settle import Merged, delete_marks
from stream.model.tables import Array

_RANK: Final = "rank among events"


def historic(
    tables: Mapping[str, pa.Table],
    schema: Schema,
    tombstones: Mapping[str, pa.Table],
    hard_deletes: Mapping[str, str],
    now: datetime,
) -> Merged:
    """Return the events of tables that keep history, as rows and as deletes; other tables are left as they are. Pure.

    The parameters are those of `merged`; `now` is the time of an event that brings none. All events stay, whatever
    their order, but those that nothing dates: of these, the last of each key in the batch.
    """
    kept, deletes, refused = dict(tables), dict[str, pa.Table](), dict[str, str]()
    for name in {*tables, *tombstones}:
        if is_history_root(table := schema.tables[name]):
            found = [_dated(table, tombstones[name], now)] if name in tombstones else []
            if name in tables:
                rows, keyless = with_key(table, tables[name])
                refused |= keyless
                rows = _dated(table, _told_apart(table, rows), now)
                marks = delete_marks(rows, hard_deletes.get(name))
                found.append(rows.filter(marks))
                kept |= _versions(table, schema, kept, rows.filter(pc.invert(marks)), hard_deletes.get(name))
            gone = _closings(table, found)
            if gone.num_rows:
                deletes[name] = gone
    return Merged({name: table for name, table in kept.items() if table.num_rows}, deletes, refused)


def _versions(
    table: Table, schema: Schema, tables: Mapping[str, pa.Table], rows: pa.Table, flag: str | None
) -> dict[str, pa.Table]:
    """Return the rows with the hash of what they say, and what is below them."""
    below = {child.name: tables[child.name] for child in children_of(table.name, schema) if child.name in tables}
    if rows.num_rows < tables[table.name].num_rows:
        ids: Any = rows[ROW_ID].combine_chunks()
        below = {name: data.filter(pc.is_in(data[ROOT_ID], value_set=ids)) for name, data in below.items()}
    ignored = () if flag is None else (flag,)
    hashes = content_hashes(table, schema, {table.name: rows, **below}, ignored)
    return {table.name: rows.append_column(CONTENT, hashes), **below}


def _dated(table: Table, events: pa.Table, now: datetime) -> pa.Table:
    """Return events with the instant from which they hold: of the column to sort by, of Kafka, or now."""
    names = [TIME]
    if tells_time(table):
        names.insert(0, history_of(table).sort[0].column)
    instants: list[Any] = [events[name] for name in names if name in events.column_names]
    kind = table.columns[VALID_FROM].type.arrow
    since = pc.coalesce(*(each.cast(kind) for each in instants), pa.array([now] * events.num_rows, kind))
    return events.append_column(VALID_FROM, since)


def _told_apart(table: Table, rows: pa.Table) -> pa.Table:
    """Return the rows; without offsets, of those that share key and sort values the last alone."""
    if OFFSET in rows.column_names:
        return rows
    names = [*history_of(table).key, *(name for name in sort_columns(table) if name in rows.column_names)]
    return _last_of_each(rows, tuple(dict.fromkeys(names)))


def _last_of_each(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    ranks: Array = pa.array(range(rows.num_rows), pa.int64())
    keys = rows.select(list(names)).append_column(_RANK, ranks)
    last = keys.group_by(list(names), use_threads=False).aggregate([(_RANK, "max")])[f"{_RANK}_max"]
    return rows if len(last) == rows.num_rows else rows.take(last.sort())


def _closings(table: Table, found: Sequence[pa.Table]) -> pa.Table:
    wanted = closings_of(table)
    parts = []
    for events in found:
        names = [name for name in wanted.columns if name in events.column_names and name != CONTENT]
        parts.append(pa.table({name: events[name].cast(wanted.columns[name].type.arrow) for name in names}))
    return pa.concat_tables(parts, promote_options="default")
