"""The newest event of each key, as far as they fit into memory: which of them are rows, and which are deletes."""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from sinks import Table
from sinks.merging import OFFSET, PARTITION, ROW_ID, merge_of, order_columns
from stream.dispositions import newest_of
from stream.evolve import Evolved

DELETED: Final = "is a delete"
UNSURE: Final = "several partitions"
_HASHES: Final = 1 << 32
_TYPES: Final[dict[str, pa.DataType]] = {
    ROW_ID: pa.string(),
    PARTITION: pa.int64(),
    OFFSET: pa.int64(),
    DELETED: pa.bool_(),
    UNSURE: pa.bool_(),
}
_AT_ONCE: Final = 200_000  # events that are kept before the older ones of each key are left out


class NewestEvents:
    """Takes events of one table as they come, and knows the newest of each key in each partition.

    Keys beyond `most` are left out, by a hash: `share` is the part of all keys that is kept.
    """

    def __init__(self, table: Table, *, share: float, most: int) -> None:
        self._table = table
        self._most = most
        self._upto = max(1, int(_HASHES * share))
        self._kept: pa.Table | None = None
        self._new: list[pa.Table] = []
        self._new_rows = 0

    @property
    def share(self) -> float:
        """Return the part of all keys that is looked at."""
        return self._upto / _HASHES

    def includes(self, row_id: str) -> bool:
        """Return whether a key is one that is looked at."""
        return crc32(row_id.encode("utf-8", "surrogatepass")) < self._upto

    def add(self, settled: Evolved) -> None:
        """Take the rows and deletes of some events."""
        for events, deleted in ((settled.tables, False), (settled.deletes, True)):
            if self._table.name in events:
                self._take(events[self._table.name], deleted)
        if self._new_rows >= max(_AT_ONCE, self._kept.num_rows if self._kept is not None else 0):
            self._compact()

    def chosen(self) -> pa.Table:
        """Return id, partition, offset of the newest event of each key, `DELETED`, and whether it is `UNSURE`.

        Between partitions only timestamps tell, which may be wrong: unsure are all keys that have several.
        """
        self._compact()
        if self._kept is None:
            return pa.schema(_TYPES).empty_table()
        counts = self._kept.group_by(ROW_ID).aggregate([(PARTITION, "count")])
        several = counts.filter(pc.field(f"{PARTITION}_count") > 1)[ROW_ID]
        best = newest_of(self._kept, [ROW_ID], merge_of(self._table).sort, first=self._first)
        unsure = pc.is_in(best[ROW_ID], value_set=several.combine_chunks())
        return best.select([ROW_ID, PARTITION, OFFSET, DELETED]).append_column(UNSURE, unsure)

    @property
    def _first(self) -> bool:
        return merge_of(self._table).strategy == "insert-only"

    def _take(self, rows: pa.Table, deleted: bool) -> None:
        names = (ROW_ID, *order_columns(self._table))
        have = [name for name in names if name in rows.column_names]
        events = rows.select(have).append_column(DELETED, pa.repeat(pa.scalar(deleted), rows.num_rows))
        events = self._within(events)
        self._new.append(events)
        self._new_rows += events.num_rows

    def _within(self, events: pa.Table) -> pa.Table:
        if self._upto >= _HASHES:
            return events
        ids: list[Any] = events[ROW_ID].to_pylist()
        return events.filter(pa.array([self.includes(row_id) for row_id in ids], pa.bool_()))

    def _compact(self) -> None:
        parts = [*([] if self._kept is None else [self._kept]), *self._new]
        if not parts:
            return
        events = pa.concat_tables(parts, promote_options="permissive").combine_chunks()
        self._new, self._new_rows = [], 0
        by = [ROW_ID, PARTITION]
        self._kept = newest_of(events, by, merge_of(self._table).sort, first=self._first).combine_chunks()
        while self._kept.num_rows > self._most:
            self._upto = max(1, self._upto // 2)
            self._kept = self._within(self._kept)
