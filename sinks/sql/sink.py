"""The sink over a SQL database: the contract's methods, each one call in the sink's thread."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Mapping

import pyarrow as pa
from anyio import CancelScope, to_thread

from checkpoints import Checkpoint, Claim, Known, Partition, Position
from sinks.changes import SchemaPlan, WidenColumn
from sinks.contract import Batch, Capabilities, Receipt, SinkOptions
from sinks.reading import Query, SqlQuery, TableQuery
from sinks.schema import Schema
from sinks.sql import dml
from sinks.sql.audit import SqlAudit
from sinks.sql.session import Database
from sinks.sql.transactions import Transactions
from sinks.sql.worker import SessionThread


class SqlSink:
    """A `Sink` whose rows, rejects, ledger and positions share one database transaction."""

    def __init__(self, database: Database, options: SinkOptions) -> None:
        self._database = database
        self._thread = SessionThread(database)
        self._do = Transactions(database.dialect, database.catalog, database.capabilities, options)
        self._options = options

    @property
    def capabilities(self) -> Capabilities:
        """Return what this destination can hold."""
        return self._database.capabilities

    async def open(self) -> None:
        """Connect and create dataset and system tables where they are missing."""
        await self._thread.run(self._do.create)

    async def positions(self, topics: Collection[str]) -> Known:
        """Return what the destination remembers of `topics`."""
        return await self._thread.run(lambda session: self._do.positions(session, topics))

    async def claim(self, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str]) -> Claim:
        """Take `partitions` under a new epoch for the owner this sink was opened with."""
        return await self._thread.run(lambda session: self._do.claim(session, partitions, starts, origins))

    async def schema(self) -> Schema:
        """Return the newest stored schema; raises `SinkError` when somebody changed the tables behind it."""
        return await self._thread.run(self._do.schema)

    async def apply(self, plan: SchemaPlan) -> None:
        """Change the tables and store the new schema in one transaction."""
        await self._thread.run(lambda session: self._do.apply(session, plan))

    async def can_widen(self, change: WidenColumn, *, max_rows: int) -> bool:
        """Return whether a column may take its new type now; see `Sink.can_widen`."""
        return await self._thread.run(lambda session: self._do.can_widen(session, change, max_rows))

    async def load(self, batch: Batch, step: Checkpoint) -> Receipt:
        """Write rows, rejects, ledger and position in one commit."""
        started = time.perf_counter()
        await self._thread.run(lambda session: self._do.load(session, batch, step))
        rows = {name: table.num_rows for name, table in batch.tables.items()}
        return Receipt(step, rows, batch.nbytes, time.perf_counter() - started)

    async def state(self) -> Mapping[str, str]:
        """Return the newest committed state of the pipeline, by key."""
        return await self._thread.run(self._do.state)

    async def is_committed(self, load_id: str) -> bool:
        """Return whether the load of that id is in the ledger."""
        return await self._thread.run(lambda session: self._do.is_committed(session, load_id))

    def audit(self) -> SqlAudit:
        """Return the `Audit` port; it works in this sink's thread, on its connection."""
        return SqlAudit(self._thread, self._do, self._options)

    async def stored_schema(self) -> Schema:
        """Return the newest stored schema, the empty one where there is no dataset yet; see `Preview`."""
        there = await to_thread.run_sync(self._database.exists)
        return await self._thread.run(self._do.stored_schema) if there else Schema()

    def statements(self, plan: SchemaPlan) -> tuple[str, ...]:
        """Return the DDL of `plan`; see `Preview`."""
        return self._do.statements(plan)

    async def query(self, sql: str) -> pa.Table:
        """Return the answer to a query; names without a schema are those of the dataset."""
        return await self._thread.run(lambda session: session.query(sql))

    async def read(self, query: Query, *, max_rows: int) -> AsyncGenerator[pa.Table, None]:
        """Yield the answer to a query in batches, from one state of the database; see `Readable.read`."""
        sql = query.sql if isinstance(query, SqlQuery) else self._select(query)
        batches = await self._thread.run(lambda session: session.batches(sql, max_rows))
        try:
            while (batch := await self._thread.run(lambda session: next(batches, None))) is not None:
                yield batch
        finally:
            with CancelScope(shield=True):
                await self._thread.run(lambda session: session.rollback())

    def _select(self, query: TableQuery) -> str:
        return dml.select_from(self._options.dataset, query.table, query.columns, query.limit)

    async def aclose(self) -> None:
        """Disconnect, at once; a load in flight is rolled back or in doubt."""
        await self._thread.aclose()
