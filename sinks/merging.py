"""What merging goes by, in every sink: the key, and the columns that tell an older row from a newer one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from sinks.changes import AddColumn, Change, CreateTable, WidenColumn
from sinks.schema import NO_HINTS, TEXT, TIMESTAMP, Column, Schema, Table
from sinks.write import Merge

ROW_ID: Final = "_hr_id"
LOAD_ID: Final = "_hr_load_id"
ROOT_ID: Final = "_hr_root_id"
PARTITION: Final = "_kafka_partition"
OFFSET: Final = "_kafka_offset"
TIME: Final = "_kafka_timestamp"
DELETED_AT: Final = "_hr_deleted_at"

SOURCE_ORDER: Final = (PARTITION, OFFSET, TIME)
_REMEMBERED: Final = "_hr_deleted_"
_NAME_BYTES: Final = 63  # what the shortest-spoken destination takes


def order_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that tell which of two rows of one key is the newer, as far as the table has them."""
    sort = [by.column for by in merge_of(table).sort]
    return tuple(dict.fromkeys(name for name in (*sort, *SOURCE_ORDER) if name in table.columns))


def merge_of(table: Table) -> Merge:
    """Return how a table merges; raises `TypeError` for one that does not."""
    if not isinstance(table.write, Merge):
        raise TypeError(f"table {table.name} does not merge")
    return table.write


def deletes_of(table: Table) -> Table:
    """Return the columns that a batch's deletes from `table` have: row id, load id, key, order, time of a soft delete.

    All but row id and key may be left out where there is no value.
    """
    write = merge_of(table)
    soft = (write.soft_delete,) if write.soft_delete else ()
    wanted = dict.fromkeys((ROW_ID, LOAD_ID, *write.key, *order_columns(table), *soft))
    known = {**_SYSTEM, **table.columns}
    return Table(table.name, {name: known[name] for name in wanted}, write=write)


def remembered_of(table: Table) -> Table:
    """Return the table in which a sink may remember what was deleted from `table`: row id, order, and when that was."""
    columns = {name: table.columns[name] for name in order_columns(table)}
    nullable = {name: replace(column, nullable=True, hints=NO_HINTS) for name, column in columns.items()}
    return Table(
        remembered_name(table.name),
        {ROW_ID: _SYSTEM[ROW_ID], **nullable, DELETED_AT: Column(DELETED_AT, TIMESTAMP)},
    )


def remembered_name(table: str) -> str:
    """Return the name of the table that remembers what was deleted from `table`."""
    name = f"{_REMEMBERED}{table}"
    if len(name.encode()) <= _NAME_BYTES:
        return name
    return f"{_REMEMBERED}{blake2b(table.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def is_merged_root(table: Table) -> bool:
    """Return whether rows of a table are merged by its key; the rows of its children only follow."""
    return table.parent is None and isinstance(table.write, Merge)


def also(change: Change, target: Schema) -> Iterable[Change]:
    """Yield what a change of a table that merges asks of the table that remembers its deletes."""
    match change:
        case CreateTable(table) if is_merged_root(table):
            yield CreateTable(remembered_of(table))
        case AddColumn(name, column) if _orders(target.tables[name], column):
            yield AddColumn(remembered_name(name), replace(column, nullable=True, hints=NO_HINTS))
        case WidenColumn(name, column, was) if _orders(target.tables[name], column):
            yield WidenColumn(remembered_name(name), replace(column, nullable=False), was)


def _orders(table: Table, column: Column) -> bool:
    return is_merged_root(table) and column.name in order_columns(table)


def unique_key(table: Table) -> tuple[str, ...]:
    """Return the columns that no two rows of a table share; none where nothing is promised."""
    if table.name.startswith(_REMEMBERED) and set(table.columns) >= {ROW_ID, DELETED_AT}:
        return (ROW_ID,)
    return merge_of(table).key if is_merged_root(table) else ()


def children_of(root: str, schema: Schema) -> Iterable[Table]:
    """Return all tables below `root`, the deepest last."""
    below = {root}
    for table in schema.tables.values():  # a parent is always made before its children
        if table.parent in below:
            below.add(table.name)
            yield table


_SYSTEM: Final = {ROW_ID: Column(ROW_ID, TEXT, nullable=False), LOAD_ID: Column(LOAD_ID, TEXT)}
