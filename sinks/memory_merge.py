"""Merging in memory, one row after the other: what the other sinks do with set-based SQL, in plain sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sinks.merging import LOAD_ID, OFFSET, PARTITION, ROW_ID, TIME, merge_of, order_columns
from sinks.schema import Table
from sinks.write import Merge

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[Any, ...]


@dataclass(slots=True)
class MergedRows:
    """The rows of one table by key, and the order of what was deleted, by row id."""

    rows: dict[Key, Row] = field(default_factory=dict)
    deleted: dict[str, Row] = field(default_factory=dict)

    def insert(self, row: Row, table: Table) -> bool:
        """Take a row where nothing stored is newer; return whether it was taken."""
        write = merge_of(table)
        key = key_of(row, write)
        stored, deleted = self.rows.get(key), self.deleted.get(row[ROW_ID])
        if stored is not None and (write.strategy == "insert-only" or newer(stored, row, write)):
            return False
        if deleted is not None and newer(deleted, row, write):
            return False
        self.rows[key] = row
        return True

    def delete(self, row: Row, table: Table) -> bool:
        """Take a delete where nothing stored is newer; return whether a row is gone by it."""
        write = merge_of(table)
        key = key_of(row, write)
        stored, deleted = self.rows.get(key), self.deleted.get(row[ROW_ID])
        if stored is not None and newer(stored, row, write):
            return False
        if deleted is None or not newer(deleted, row, write):
            self.deleted[row[ROW_ID]] = row
        if stored is None:
            return False
        if write.soft_delete is None:
            del self.rows[key]
            return True
        marked = (write.soft_delete, LOAD_ID, *order_columns(table))
        self.rows[key] = {**stored, **{name: row.get(name) for name in marked}}
        return False


def key_of(row: Mapping[str, Any], write: Merge) -> Key:
    """Return the key of a row."""
    return tuple(row[name] for name in write.key)


def newer(one: Mapping[str, Any], other: Mapping[str, Any], write: Merge) -> bool:
    """Return whether `one` is known to be newer than `other`: by the columns to sort by, then in the source's order."""
    for by in write.sort:
        mine, theirs = one.get(by.column), other.get(by.column)
        if mine != theirs:
            if mine is None or theirs is None:
                return theirs is None
            return bool(mine < theirs if by.lowest else mine > theirs)
    return _newer_in_source(one, other)


def _newer_in_source(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    mine, theirs = _place(one), _place(other)
    if mine is None or theirs is None:
        return False
    if mine[0] == theirs[0]:
        return mine[1] > theirs[1]
    times = one.get(TIME), other.get(TIME)
    return None not in times and (times[0], mine[0]) > (times[1], theirs[0])


def _place(row: Mapping[str, Any]) -> tuple[int, int] | None:
    partition, offset = row.get(PARTITION), row.get(OFFSET)
    return None if partition is None or offset is None else (partition, offset)
