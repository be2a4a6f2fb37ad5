"""Merging what a batch brings into stored rows, by set-based statements on staged rows, in the open transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import pyarrow as pa

from sinks.merging import deletes_of
from sinks.schema import BIGINT, Column, Table
from sinks.sql.merge_sql import PLACE, MergeSql
from sinks.sql.session import Session
from sinks.sql.statement import Statement
from sinks.sql.writers.arrival import Arrival, staging_of

Append: TypeAlias = Callable[[Table, pa.Table], None]
"""Writes rows to the end of a table, in the open transaction."""

_PLACES: Final = Table("hr_places", {PLACE: Column(PLACE, BIGINT)})


class MergeWriter:
    """Merges arrivals in one transaction of one session.

    `by_index`: the keys have unique indexes, and other processes merge at the same time: rows are inserted over those
    that conflict. Else the stored rows are looked at first, then deleted and inserted: DuckDB is five times as fast so.
    """

    def __init__(self, session: Session, dataset: str, append: Append, *, by_index: bool) -> None:
        self._session = session
        self._dataset = dataset
        self._append = append
        self._by_index = by_index

    def write(self, arrival: Arrival) -> None:
        """Take the rows and deletes of `arrival` into the table, where nothing stored is newer."""
        rows, deletes = staging_of(arrival.table, "rows"), staging_of(deletes_of(arrival.table), "deletes")
        sql = MergeSql(self._dataset, arrival.table, rows.name, deletes.name, arrival.brought)
        if arrival.rows.num_rows:
            self._session.stage(rows, arrival.rows)
            arrival = self._insert_over(arrival, sql) if self._by_index else self._replace(arrival, sql, rows)
            for child, data in arrival.children.values():
                if data is not None and data.num_rows:
                    self._append(child, data)
        if arrival.deletes.num_rows:
            self._session.stage(deletes, arrival.deletes)
            self._delete(arrival, sql) if self._by_index else self._delete_looking(arrival, sql, deletes)

    def _insert_over(self, arrival: Arrival, sql: MergeSql) -> Arrival:
        """Return what is left of `arrival` without the rows that lost against stored ones."""
        if self._run(sql.has_remembered()):
            arrival = arrival.without_rows(self._run(sql.drop_deleted_rows()))
        self._run(sql.upsert())
        if arrival.children:
            arrival = arrival.without_rows(self._run(sql.drop_lost_rows()))
            self._delete_children(arrival, sql)
        return arrival

    def _replace(self, arrival: Arrival, sql: MergeSql, rows: Table) -> Arrival:
        stored, lost = self._stored(sql.stored())
        if lost := lost + self._run(sql.overruled()):
            arrival = arrival.without_rows(lost)
            self._session.stage(rows, arrival.rows)
        self._delete_children(arrival, sql)
        self._delete_at(stored, sql, otherwise=sql.delete_replaced())
        self._run(sql.insert())
        return arrival

    def _stored(self, statement: Statement) -> tuple[list[int], list[str]]:
        """Return the places of stored rows that must go, and the ids of what is staged where the stored row stays."""
        found = self._session.execute(statement)
        return [place for place, row_id in found if row_id is None], [
            row_id for _, row_id in found if row_id is not None
        ]

    def _delete_at(self, places: list[int], sql: MergeSql, *, otherwise: Statement) -> None:
        """Delete the rows at these places, which reads no column of the table; by key where a column hides places."""
        if places and self._run(sql.hides_places()):
            self._run(otherwise)
        elif places:
            self._session.stage(_PLACES, pa.table({PLACE: pa.array(places, pa.int64())}))
            self._run(sql.delete_at(_PLACES.name))

    def _delete_children(self, arrival: Arrival, sql: MergeSql) -> None:
        for child, _ in arrival.children.values():
            self._run(sql.delete_children(child))

    def _delete(self, arrival: Arrival, sql: MergeSql) -> None:
        self._run(sql.delete())
        self._delete_orphans(arrival, sql)
        self._run(sql.remember_newer())
        self._run(sql.forget())

    def _delete_looking(self, arrival: Arrival, sql: MergeSql, deletes: Table) -> None:
        stored, lost = self._stored(sql.stored_deleted())
        if lost := lost + self._run(sql.overruled_deletes()):
            arrival = arrival.without_deletes(lost)
            self._session.stage(deletes, arrival.deletes)
        if sql.write.soft_delete is None:
            self._delete_at(stored, sql, otherwise=sql.delete())
        else:
            self._run(sql.delete())
        self._delete_orphans(arrival, sql)
        self._run(sql.replace_remembered())
        self._run(sql.remember())
        self._run(sql.forget())

    def _delete_orphans(self, arrival: Arrival, sql: MergeSql) -> None:
        for child, _ in arrival.children.values():
            self._run(sql.delete_orphans(child))

    def _run(self, statement: Statement) -> list[str]:
        """Return the first column of what a statement returns: row ids, where it returns any."""
        return [row[0] for row in self._session.execute(statement)]
