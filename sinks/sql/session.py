"""One connection to a database, as the sink uses it: blocking, one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from sinks.contract import Capabilities
from sinks.schema import Table
from sinks.sql.catalog import Catalog
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement


class Session(Protocol):
    """A connection. Its methods raise `SinkError` and its kinds only, whatever the driver raised."""

    def execute(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        ...

    def copy(self, dataset: str, table: Table, data: pa.Table) -> int:
        """Append all of `data` to `table`, column by name, in the open transaction; return how many rows it took.

        Raises `DataRefused`.
        """
        ...

    def stage(self, table: Table, data: pa.Table) -> None:
        """Make `data` readable under the name of `table` until the transaction ends. Raises `DataRefused`.

        `table` has more columns than `data` may have: those are null, or not there.
        """
        ...

    def make_scratch(self, table: Table) -> None:
        """Make an empty temporary table under the name of `table`, for the open transaction."""
        ...

    def query(self, sql: str) -> pa.Table:
        """Return the answer to a query that somebody wrote by hand."""
        ...

    def batches(self, sql: str, max_rows: int) -> Iterator[pa.Table]:
        """Yield the answer to a query in tables of up to `max_rows` rows, at least one; `rollback` ends it."""
        ...

    def send_commit(self) -> None:
        """Ask for the commit. Raises `InDoubt` when the connection breaks."""
        ...

    def await_commit(self) -> None:
        """Return when the commit is durable. Raises `InDoubt` when that cannot be known."""
        ...

    def rollback(self) -> None:
        """Leave the open transaction, if there is one. Raises when the connection is of no more use."""
        ...

    def interrupt(self) -> None:
        """Make a call that another thread is in fail soon. The session is of no more use then. Safe at any time."""
        ...

    def close(self) -> None:
        """Disconnect. Safe to repeat."""
        ...


class Database(Protocol):
    """A kind of database at one address: where sessions come from."""

    @property
    def dialect(self) -> Dialect:
        """Return how it spells things."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Return how to ask it what its tables are."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Return what it can hold."""
        ...

    def exists(self) -> bool:
        """Return whether there is anything to connect to; connecting to what is not there may create it."""
        ...

    def connect(self) -> Session:
        """Return a new connection. Raises `Transient`, or `SinkError` with what to do."""
        ...

    def close(self) -> None:
        """Let go of what outlives a connection. Safe to repeat."""
        ...
