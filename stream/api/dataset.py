"""Reading a pipeline's dataset back: tables and queries, lazily, whole or in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import anyio
import pyarrow as pa
from anyio.from_thread import start_blocking_portal

from sinks import Schema, Sink
from sinks.reading import Query, Readable, SqlQuery, TableQuery
from stream.errors import ConfigError, DestinationError

OpenSink: TypeAlias = Callable[[], Sink]
_BATCH_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or the answer to a query. Nothing is read before its rows are asked for, and then anew each time."""

    _open: OpenSink
    _query: Query

    def __repr__(self) -> str:
        return f"Relation({self._query!r})"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.batches():
            yield from batch.to_pylist()

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        return anyio.run(self.arrow_async)

    async def arrow_async(self) -> pa.Table:
        """Return all rows as an Arrow table, on a running event loop."""
        async with _opened(self._open) as sink:
            return pa.concat_tables([batch async for batch in sink.read(self._query, max_rows=_BATCH_ROWS)])

    def batches(self, max_rows: int = _BATCH_ROWS) -> Iterator[pa.Table]:
        """Yield the rows in Arrow tables of up to `max_rows`: never more of them is in memory."""
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(_reading(self._open, self._query, max_rows)) as batches,
        ):
            while (batch := portal.call(_next, batches)) is not None:
                yield batch

    def df(self) -> Any:
        """Return all rows as a pandas frame."""
        return self.arrow().to_pandas()

    def pl(self) -> Any:
        """Return all rows as a polars frame."""
        try:
            import polars
        except ImportError:
            raise ConfigError("pl() needs polars: pip install polars") from None
        return polars.from_arrow(self.arrow())

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""
        return [tuple(row.values()) for row in self]

    def select(self, *columns: str) -> Relation:
        """Return these columns only."""
        return replace(self, _query=replace(self._table_query("select"), columns=columns))

    def head(self, rows: int = 5) -> Relation:
        """Return the first rows, in no promised order."""
        return replace(self, _query=replace(self._table_query("head"), limit=rows))

    def _table_query(self, what: str) -> TableQuery:
        if not isinstance(self._query, TableQuery):
            raise ConfigError(f"{what}() is for tables: write it into the query")
        return self._query


@dataclass(frozen=True, slots=True)
class Dataset:
    """The tables of a pipeline: `dataset.table("orders").df()`, `dataset["orders"]`, `dataset.sql("select ...")`."""

    name: str
    schema: Schema
    _open: OpenSink

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, tables={', '.join(self.tables)})"

    def __getitem__(self, name: str) -> Relation:
        return self.table(name)

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the names of all tables, as they are known here."""
        return tuple(self.schema.tables)

    def table(self, name: str) -> Relation:
        """Return a table, also one of headrace's own (`_hr_loads`)."""
        return Relation(self._open, TableQuery(name))

    def sql(self, query: str) -> Relation:
        """Return the answer to a query in the destination's SQL; names without a schema are those of the dataset."""
        return Relation(self._open, SqlQuery(query))


@asynccontextmanager
async def _opened(open_sink: OpenSink) -> AsyncIterator[Readable]:
    sink = open_sink()
    try:
        if not isinstance(sink, Readable):
            raise DestinationError(f"{sink.capabilities.name} cannot be read back through headrace: use its own tools")
        yield sink
    finally:
        await sink.aclose()


@asynccontextmanager
async def _reading(open_sink: OpenSink, query: Query, max_rows: int) -> AsyncIterator[AsyncIterator[pa.Table]]:
    async with _opened(open_sink) as sink, aclosing(sink.read(query, max_rows=max_rows)) as batches:
        yield batches


async def _next(batches: AsyncIterator[pa.Table]) -> pa.Table | None:
    return await anext(batches, None)
