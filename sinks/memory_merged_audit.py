"""What memory holds of tables that merge, as the `Audit` port asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from checkpoints import OffsetRange
from sinks.audit import MergeFault
from sinks.memory_merge import MergedRows, key_of, newer
from sinks.merging import OFFSET, PARTITION, ROW_ID, merge_of
from sinks.schema import Table


def merge_faults(table: Table, rows: Sequence[Mapping[str, Any]], kept: MergedRows) -> Iterator[MergeFault]:
    """Yield keys that are there more than once, and rows that a remembered delete is newer than."""
    write = merge_of(table)
    counts = Counter(key_of(row, write) for row in rows)
    for row in rows:
        if counts[key_of(row, write)] > 1:
            text = f"{counts[key_of(row, write)]} rows of {table.name} have the same key"
            yield MergeFault("key_twice", row[ROW_ID], text)
        if (deleted := kept.deleted.get(row[ROW_ID])) is not None and newer(deleted, row, write):
            yield MergeFault("undeleted", row[ROW_ID], f"a row of {table.name} is older than the delete of its key")


def places_of(
    row_ids: Sequence[str], rows: Sequence[Mapping[str, Any]], kept: MergedRows
) -> Mapping[str, tuple[tuple[int, int], ...]]:
    """Return the places of the events that rows and remembered deletes are of."""
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    wanted = set(row_ids)
    for row in (*rows, *kept.deleted.values()):
        if row[ROW_ID] in wanted and row.get(OFFSET) is not None:
            found[row[ROW_ID]] = (*found.get(row[ROW_ID], ()), (row[PARTITION], row[OFFSET]))
    return found


def undo_merges(table: Table, kept: MergedRows, within: OffsetRange, *, forget_values: bool) -> None:
    """Take away the rows and deletes of a range; rows that it marked as deleted stay, unless `forget_values`."""
    mark = merge_of(table).soft_delete
    sort = [by.column for by in merge_of(table).sort]
    for row_id in [row_id for row_id, row in kept.deleted.items() if _inside(row, within)]:
        del kept.deleted[row_id]
    for key, row in list(kept.rows.items()):
        if _inside(row, within):
            if forget_values or mark is None or row.get(mark) is None:
                continue  # whoever rewinds deletes it, with its children
            kept.rows[key] = {**row, **dict.fromkeys((mark, *sort)), OFFSET: within.start - 1}


def _inside(row: Mapping[str, Any], within: OffsetRange) -> bool:
    place = row.get(OFFSET)
    return row.get(PARTITION) == within.partition.number and place is not None and within.start <= place < within.stop
