"""Putting what a batch brings into stored history, by set-based statements on staged rows, in the open transaction."""

from __future__ import annotations

import pyarrow as pa

from sinks.history import closings_of
from sinks.sql.history_sql import HistorySql, moves_of
from sinks.sql.session import Session
from sinks.sql.statement import Statement
from sinks.sql.writers.arrival import Arrival, staging_of
from sinks.sql.writers.merge import Append


class HistoryWriter:
    """Puts arrivals into the history of their keys in one transaction of one session; nobody else writes the table."""

    def __init__(self, session: Session, dataset: str, append: Append) -> None:
        self._session = session
        self._dataset = dataset
        self._append = append

    def write(self, arrival: Arrival) -> None:
        """Put the rows and deletes of `arrival` into their places, whatever came before them."""
        rows, closings = staging_of(arrival.table, "rows"), staging_of(closings_of(arrival.table), "deletes")
        sql = HistorySql(self._dataset, arrival.table, rows.name, closings.name, arrival.brought)
        self._session.stage(rows, arrival.rows)
        self._session.stage(closings, arrival.deletes)
        self._session.make_scratch(moves_of(arrival.table))
        self._run(sql.find_moves())
        kinds = set(self._run(sql.kinds()))
        if "reopen" in kinds:
            self._reopen(arrival, sql)
        if "fold" in kinds:
            self._fold(arrival, sql)
        if "close" in kinds:
            self._run(sql.close())
        if "shift" in kinds:
            self._run(sql.shift())
        if "open" in kinds:
            self._run(sql.open())
        self._append_children(arrival.without_rows(self._note(arrival, sql) if "note" in kinds else ()))

    def _reopen(self, arrival: Arrival, sql: HistorySql) -> None:
        self._run(sql.find_sources())
        self._run(sql.reopen())
        for child, _ in arrival.children.values():
            self._run(sql.reopen_children(child))
        self._run(sql.drop_reopened())

    def _fold(self, arrival: Arrival, sql: HistorySql) -> None:
        self._run(sql.note_folded())
        for child, _ in arrival.children.values():
            self._run(sql.delete_folded_children(child))
        self._run(sql.delete_folded())

    def _note(self, arrival: Arrival, sql: HistorySql) -> list[str]:
        """Note the events that open no version; return the row ids of those that are rows."""
        if arrival.deletes.num_rows:
            self._run(sql.note_closings())
        self._run(sql.note_rows())
        self._run(sql.forget())
        return self._run(sql.noted_rows()) if _has_rows(arrival) else []

    def _append_children(self, arrival: Arrival) -> None:
        for child, data in arrival.children.values():
            if data is not None and data.num_rows:
                self._append(child, data)

    def _run(self, statement: Statement) -> list[str]:
        """Return the first column of what a statement returns, where it returns any."""
        return [row[0] for row in self._session.execute(statement)]


def _has_rows(arrival: Arrival) -> bool:
    return any(isinstance(data, pa.Table) and data.num_rows for _, data in arrival.children.values())
