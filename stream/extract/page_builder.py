"""Rows gathered into pages of a bounded size: as columns where that is exact, as plain rows where not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import pyarrow as pa

from stream.errors import UnsupportedValue
from stream.extract.frames import is_tabular, tables_of
from stream.extract.plain_arrow import plain_table, slices
from stream.extract.plain_values import plain_row
from stream.extract.row_columns import as_columns
from stream.model.pages import Page

PAGE_BYTES: Final = 8 * 1024 * 1024
_FIRST_ROWS: Final = 500
_MOST_ROWS: Final = 50_000
_EXACT_ROWS: Final = 500  # so few rows take the exact way together when one of them must
_SHOWN: Final = 10_000  # characters of a rejected row that are kept


class PageTarget(Protocol):
    """Where pages of one table go."""

    def write(self, page: Page) -> int:
        """Keep a page; return its size in bytes."""
        ...

    def skip(self, count: int) -> None:
        """Count rows that are null."""
        ...

    def reject(self, text: str, reason: str, error: str) -> None:
        """Set a row aside that no table can hold."""
        ...


class PageBuilder:
    """Takes what data yields (a row, a list of rows, a table, None) and writes pages, in order."""

    def __init__(self, target: PageTarget, page_bytes: int = PAGE_BYTES) -> None:
        self._target = target
        self._page_bytes = page_bytes
        self._rows: list[Any] = []
        self._wanted = _FIRST_ROWS

    def add(self, item: Any) -> None:
        """Take one thing that the data yielded."""
        if type(item) is dict:
            self._rows.append(item)
        elif item is None:
            self._target.skip(1)
        elif is_tabular(item):
            self.flush()
            self._add_tables(tables_of(item))
        elif isinstance(item, list | tuple):
            self._add_rows(item)
        else:
            self._rows.append(item)
        while len(self._rows) >= self._wanted:
            rows, self._rows = self._rows[: self._wanted], self._rows[self._wanted :]
            self._write(rows)

    def flush(self) -> None:
        """Write the rows that wait."""
        rows, self._rows = self._rows, []
        if rows:
            self._write(rows)

    def _write(self, rows: Sequence[Any]) -> None:
        written = self._write_rows(rows)
        per_row = max(1, written // len(rows))
        self._wanted = max(1, min(self._page_bytes // per_row, 4 * self._wanted, _MOST_ROWS))

    def _add_rows(self, rows: Sequence[Any]) -> None:
        present = [row for row in rows if row is not None]
        if nulls := len(rows) - len(present):
            self._target.skip(nulls)
        self._rows += present

    def _add_tables(self, tables: Iterable[pa.Table | list[Any]]) -> None:
        for table in tables:
            if isinstance(table, list):
                self.add(table)
                self.flush()
                continue
            for part in slices(plain_table(table), self._page_bytes):
                self._target.write(part)

    def _write_rows(self, rows: Sequence[Any]) -> int:
        columns = as_columns(rows)
        if columns is not None:
            return self._target.write(columns)
        if len(rows) <= _EXACT_ROWS:
            return self._write_exactly(rows)
        middle = len(rows) // 2
        return self._write_rows(rows[:middle]) + self._write_rows(rows[middle:])

    def _write_exactly(self, rows: Sequence[Any]) -> int:
        plain = []
        for row in rows:
            try:
                plain.append(plain_row(row))
            except UnsupportedValue as error:
                self._target.reject(repr(row)[:_SHOWN], "unsupported_value", str(error))
        return self._target.write(plain) if plain else 0
