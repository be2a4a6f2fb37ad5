"""The optional port for reading a destination back: in batches, so that an answer may be larger than memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TableQuery:
    """Rows of one table; no columns means all, no limit means all rows."""

    table: str
    columns: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """A query that somebody wrote by hand, in the destination's own SQL; names without a schema are the dataset's."""

    sql: str


Query = TableQuery | SqlQuery


@runtime_checkable
class Readable(Protocol):
    """A sink that can be read back."""

    def read(self, query: Query, *, max_rows: int) -> AsyncGenerator[pa.Table, None]:
        """Yield the answer in tables of one Arrow schema and up to `max_rows` rows; at least one, empty maybe.

        From one consistent state of the destination. Raises `SinkError` for a query that cannot be.
        """
        ...
