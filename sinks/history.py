"""What keeping history goes by, in every sink: versions of a key, and the events that opened none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from sinks.changes import AddColumn, Change, CreateTable, WidenColumn
from sinks.merging import LOAD_ID, OFFSET, PARTITION, ROW_ID, TIME
from sinks.schema import TEXT, TIMESTAMP, Column, Schema, Table
from sinks.write import Scd2

VALID_FROM: Final = "_hr_valid_from"
VALID_TO: Final = "_hr_valid_to"
CONTENT: Final = "_hr_content_hash"
NOTED_AT: Final = "_hr_noted_at"

VERSION_COLUMNS: Final = (Column(VALID_FROM, TIMESTAMP), Column(VALID_TO, TIMESTAMP), Column(CONTENT, TEXT))

_NOTED: Final = "_hr_noted_"
_NAME_BYTES: Final = 63  # what the shortest-spoken destination takes


def history_of(table: Table) -> Scd2:
    """Return how a table keeps history; raises `TypeError` for one that does not."""
    if not isinstance(table.write, Scd2):
        raise TypeError(f"table {table.name} keeps no history")
    return table.write


def is_history_root(table: Table) -> bool:
    """Return whether rows of a table are versions of a key; the rows of its children only follow."""
    return table.parent is None and isinstance(table.write, Scd2)


def tells_time(table: Table) -> bool:
    """Return whether the first column to sort by is an instant: then it says from when a version is valid."""
    sort = history_of(table).sort
    column = table.columns.get(sort[0].column) if sort and not sort[0].lowest else None
    return column is not None and column.type == TIMESTAMP


def sort_columns(table: Table) -> tuple[str, ...]:
    """Return the columns to sort by that a table has."""
    return tuple(by.column for by in history_of(table).sort if by.column in table.columns)


def event_columns(table: Table) -> tuple[str, ...]:
    """Return the columns that place an event in the history of its key, as far as the table has them."""
    names = (ROW_ID, LOAD_ID, *history_of(table).key, *sort_columns(table), PARTITION, OFFSET, TIME)
    return tuple(dict.fromkeys(name for name in (*names, VALID_FROM, CONTENT) if name in table.columns))


def closings_of(table: Table) -> Table:
    """Return the columns that a batch's deletes from `table` have: those of an event; its content is null."""
    key = history_of(table).key
    columns = {name: replace(table.columns[name], nullable=name not in key) for name in event_columns(table)}
    return Table(table.name, columns, write=table.write)


def noted_of(table: Table) -> Table:
    """Return the table in which a sink notes the events of `table` that opened no version: repetitions and deletes.

    A late event may come between such an event and the version that it repeats; the event then opens one.
    """
    columns = closings_of(table).columns
    return Table(noted_name(table.name), {**columns, NOTED_AT: Column(NOTED_AT, TIMESTAMP)}, write=table.write)


def noted_name(table: str) -> str:
    """Return the name of the table that notes the events which opened no version in `table`."""
    name = f"{_NOTED}{table}"
    if len(name.encode()) <= _NAME_BYTES:
        return name
    return f"{_NOTED}{blake2b(table.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def noted_changes(change: Change, target: Schema) -> Iterable[Change]:
    """Yield what a change of a table that keeps history asks of the table of its noted events."""
    match change:
        case CreateTable(table) if is_history_root(table):
            yield CreateTable(noted_of(table))
        case AddColumn(name, column) if _places(target.tables[name], column):
            yield AddColumn(noted_name(name), replace(column, nullable=True))
        case WidenColumn(name, column, was) if _places(target.tables[name], column):
            yield WidenColumn(noted_name(name), replace(column, nullable=False), was)


def version_key(table: Table) -> tuple[str, ...]:
    """Return the columns that no two versions share: the key, so that it is found by index, and the row id."""
    return (*history_of(table).key, ROW_ID)


def _places(table: Table, column: Column) -> bool:
    return is_history_root(table) and column.name in event_columns(table)
