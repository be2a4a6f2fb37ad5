"""Facts in words that people read: in logs, on the status page, in the progress display."""

from __future__ import annotations

from collections.abc import Iterable

from checkpoints import Partition
from sinks import AddColumn, Change, CreateTable, WidenColumn


def describe(change: Change) -> str:
    """Return one change of schema as a person would say it."""
    match change:
        case CreateTable(table):
            return f"new table {table.name}"
        case AddColumn(table, column) if column.variant_of:
            return f"new variant {table}.{column.name} ({column.type}) of {column.variant_of}"
        case AddColumn(table, column):
            return f"new column {table}.{column.name} ({column.type})"
        case WidenColumn(table, column, was):
            return f"{table}.{column.name} grew from {was} to {column.type}"


def listed(partitions: Iterable[Partition]) -> str:
    """Return partitions by topic: `orders[0,1,2] payments[4]`; `none` when there are none."""
    by_topic: dict[str, list[str]] = {}
    for partition in sorted(partitions):
        by_topic.setdefault(partition.topic, []).append(str(partition.number))
    return " ".join(f"{topic}[{','.join(numbers)}]" for topic, numbers in by_topic.items()) or "none"
