"""The destination `memory://name`: tables in this process, for tests and first steps."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import anyio
import pyarrow as pa
import pyarrow.compute as pc

from checkpoints import Checkpoint, Claim, Fenced, Known, Partition, Position
from checkpoints.memory import MemoryStore
from sinks.changes import SchemaPlan, WidenColumn
from sinks.contract import Batch, Capabilities, Receipt, SinkOptions
from sinks.errors import SchemaConflict, SinkError
from sinks.history import is_history_root
from sinks.ledger import LoadRow, RejectRow, load_rows, reject_rows
from sinks.limits import check_limits
from sinks.memory_audit import MemoryAudit
from sinks.memory_history import History
from sinks.memory_merge import MergedRows
from sinks.merging import ROOT_ID, ROW_ID, children_of, is_merged_root
from sinks.reading import Query, SqlQuery
from sinks.schema import Schema, Table
from sinks.write import Merge, Scd2

Hook = Callable[[Checkpoint], None]

CAPABILITIES: Final = Capabilities("memory", single_process=True)
_KEPT_SCHEMAS: Final = 20  # as many as SQL databases keep


class MemoryWarehouse:
    """One dataset in memory, for as many sinks as there are. For one event loop at a time."""

    def __init__(self) -> None:
        self.schema = Schema()
        self.history: deque[tuple[Schema, str]] = deque(maxlen=_KEPT_SCHEMAS)  # each version and its pipeline
        self.loads: list[LoadRow] = []
        self.rejects: list[RejectRow] = []
        self.notes: dict[str, str] = {}  # an operator's wish by pipeline
        self.watermarks: dict[tuple[str, Partition], datetime] = {}
        self.states: dict[str, dict[str, str]] = {}
        self._chunks: dict[str, list[pa.Table]] = {}
        self._merged: dict[str, MergedRows] = {}
        self._history: dict[str, History] = {}
        self._below: dict[str, list[pa.Table]] = {}  # child rows of all events of tables that keep history
        self._stores: dict[str, MemoryStore] = {}

    def store(self, pipeline: str) -> MemoryStore:
        """Return the positions of `pipeline`."""
        return self._stores.setdefault(pipeline, MemoryStore())

    def table(self, name: str) -> pa.Table:
        """Return all rows of a table, in the order of their loads, under the newest schema."""
        wanted = self.schema.tables[name].arrow
        return pa.concat_tables([wanted.empty_table(), *(_fitted(chunk, wanted) for chunk in self._chunks[name])])

    def stays_exact(self, change: WidenColumn) -> bool:
        """Return whether every value of a column is exactly one of the wider type."""
        try:
            self.table(change.table)[change.column.name].cast(change.column.type.arrow)
        except pa.ArrowInvalid:
            return False
        return True

    def replace(self, name: str, rows: pa.Table) -> None:
        """Let a table hold these rows and no others."""
        self._chunks[name] = [rows]
        if name in self._merged:
            ids = set(rows[ROW_ID].to_pylist())
            merged = self._merged[name]
            merged.rows = {key: row for key, row in merged.rows.items() if row[ROW_ID] in ids}

    def merged(self, name: str) -> MergedRows:
        """Return what is kept of a table that merges."""
        return self._merged.setdefault(name, MergedRows())

    def append(self, batch: Batch) -> None:
        """Keep the rows of a batch, in the place of those of tables that it replaces."""
        for root in batch.replaces:
            for name in (root, *(child.name for child in children_of(root, self.schema))):
                self._chunks[name] = []
        for name, table in batch.tables.items():
            if not isinstance(self.schema.tables[name].write, (Merge, Scd2)):
                self._chunks[name].append(table)
        for name in {*batch.tables, *batch.deletes}:
            if is_merged_root(self.schema.tables[name]):
                self._merge(self.schema.tables[name], batch)
            elif is_history_root(self.schema.tables[name]):
                self._keep_history(self.schema.tables[name], batch)

    def become(self, schema: Schema, pipeline: str = "") -> None:
        """Take `schema`, which `pipeline` brings, as the newest one."""
        self.schema = schema
        self.history.append((schema, pipeline))
        for name in schema.tables:
            self._chunks.setdefault(name, [])

    def write(self, batch: Batch, step: Checkpoint, owner: str) -> None:
        """Keep what one load brings."""
        self.append(batch)
        self.rejects += reject_rows(batch, step)
        self.loads += load_rows(batch, step, owner)
        self.states.setdefault(step.pipeline, {}).update(batch.state)

    def _merge(self, table: Table, batch: Batch) -> None:
        merged = self.merged(table.name)
        arriving = batch.tables[table.name].to_pylist() if table.name in batch.tables else []
        deletes = batch.deletes[table.name].to_pylist() if table.name in batch.deletes else []
        taken = {row[ROW_ID] for row in arriving if merged.insert(row, table)}
        gone = taken | {row[ROW_ID] for row in deletes if merged.delete(row, table)}
        self._chunks[table.name] = [pa.Table.from_pylist(list(merged.rows.values()), table.arrow)]
        for child in children_of(table.name, self.schema):
            kept = [chunk.filter(pc.invert(_among(chunk, gone))) for chunk in self._chunks[child.name]]
            new = batch.tables.get(child.name)
            self._chunks[child.name] = kept if new is None else [*kept, new.filter(_among(new, taken))]

    def _keep_history(self, table: Table, batch: Batch) -> None:
        history = self._history.setdefault(table.name, History())
        for events in (batch.tables.get(table.name), batch.deletes.get(table.name)):
            history.add(events.to_pylist() if events is not None else (), table)
        versions = history.versions(table)
        self._chunks[table.name] = [pa.Table.from_pylist(versions, table.arrow)]
        opened = [version[ROW_ID] for version in versions]
        for child in children_of(table.name, self.schema):
            below = self._below.setdefault(child.name, [])
            if child.name in batch.tables:
                below.append(batch.tables[child.name])
            self._chunks[child.name] = [chunk.filter(_among(chunk, opened)) for chunk in below]


class MemorySink:
    """A `Sink` over a `MemoryWarehouse`, safe to share among many.

    `before_commit` and `after_commit` are called with the step of each load, for tests to put in what raises: before,
    nothing is written; after, all of it is (raise `InDoubt` there to lose the answer). `delay_seconds` makes every call
    slow.
    """

    def __init__(self, warehouse: MemoryWarehouse, options: SinkOptions) -> None:
        self.delay_seconds = 0.0
        self.before_commit: Hook = _go_on
        self.after_commit: Hook = _go_on
        self._warehouse = warehouse
        self._store = warehouse.store(options.pipeline)
        self._pipeline = options.pipeline
        self._owner = options.owner

    @property
    def capabilities(self) -> Capabilities:
        """Return what memory can hold."""
        return CAPABILITIES

    async def open(self) -> None:
        """Do nothing: memory is there."""

    async def positions(self, topics: Collection[str]) -> Known:
        """Return what the warehouse remembers of `topics`."""
        await self._reach()
        return await self._store.positions(topics)

    async def claim(self, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str]) -> Claim:
        """Take `partitions` under a new epoch; see `Sink.claim`."""
        await self._reach()
        return await self._store.claim(partitions, starts, origins, owner=self._owner)

    async def schema(self) -> Schema:
        """Return the newest schema."""
        await self._reach()
        return self._warehouse.schema

    async def apply(self, plan: SchemaPlan) -> None:
        """Take `plan.target` as the newest schema; see `Sink.apply`."""
        await self._reach()
        stored = self._warehouse.schema
        if stored == plan.target:
            return
        if stored.version != plan.base.version:
            raise SchemaConflict(f"the schema is at version {stored.version}, the plan starts at {plan.base.version}")
        check_limits(plan.target, CAPABILITIES)
        for change in plan.changes:
            if isinstance(change, WidenColumn) and not self._warehouse.stays_exact(change):
                raise SchemaConflict(f"{change.table}.{change.column.name} holds what no {change.column.type} does")
        self._warehouse.become(plan.target, self._pipeline)

    async def can_widen(self, change: WidenColumn, *, max_rows: int) -> bool:
        """Return whether a column may take its new type now; see `Sink.can_widen`."""
        await self._reach()
        return self._warehouse.table(change.table).num_rows <= max_rows and self._warehouse.stays_exact(change)

    async def load(self, batch: Batch, step: Checkpoint) -> Receipt:
        """Write all of it or nothing; see `Sink.load`. Nothing suspends between the checks and the last write."""
        began = time.monotonic()
        await self._reach()
        if self._has(step.load_id):
            raise Fenced(f"load {step.load_id} has landed before")
        for name in batch.tables:
            self._check_fit(name, batch)
        self.before_commit(step)
        await self._store.commit(step)
        self._warehouse.write(batch, step, self._owner)
        self.after_commit(step)
        rows = {name: table.num_rows for name, table in batch.tables.items()}
        return Receipt(step, rows, batch.nbytes, time.monotonic() - began)

    def _check_fit(self, name: str, batch: Batch) -> None:
        stored = self._warehouse.schema
        known = stored.tables[name].columns if name in stored.tables else {}
        wanted = {column.name: column.type.arrow for column in known.values()}
        misfits = [field.name for field in batch.tables[name].schema if field.type != wanted.get(field.name)]
        if not misfits and known:
            return
        text = f"{name} ({', '.join(misfits)}) is not what version {stored.version} of the schema says"
        raise SchemaConflict(text) if batch.schema_version != stored.version else SinkError(text)

    async def state(self) -> Mapping[str, str]:
        """Return the newest committed state of the pipeline."""
        return dict(self._warehouse.states.get(self._pipeline, {}))

    async def stored_schema(self) -> Schema:
        """Return the newest schema; see `Preview`."""
        return self._warehouse.schema

    def statements(self, plan: SchemaPlan) -> tuple[str, ...]:
        """Return nothing: there is no language to say it in; see `Preview`."""
        return ()

    async def is_committed(self, load_id: str) -> bool:
        """Return whether the load of that id is in the ledger."""
        await self._reach()
        return self._has(load_id)

    async def _reach(self) -> None:
        if self.delay_seconds:
            await anyio.sleep(self.delay_seconds)

    def _has(self, load_id: str) -> bool:
        return any(row.load_id == load_id for row in self._warehouse.loads)

    async def read(self, query: Query, *, max_rows: int) -> AsyncGenerator[pa.Table, None]:
        """Yield the rows of a table; there is no SQL here. See `Readable.read`."""
        if isinstance(query, SqlQuery):
            raise SinkError("memory:// knows no SQL: read a table, or load into duckdb")
        if query.table not in self._warehouse.schema.tables:
            raise SinkError(f"there is no table {query.table!r}")
        rows = self._warehouse.table(query.table).slice(0, query.limit)
        yield rows.select(list(query.columns)) if query.columns else rows

    def audit(self) -> MemoryAudit:
        """Return the `Audit` port."""
        return MemoryAudit(self._warehouse, self._pipeline)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to let go of."""


_SHARED: Final[dict[tuple[str, str], MemoryWarehouse]] = {}


def warehouse(url: str, dataset: str) -> MemoryWarehouse:
    """Return the warehouse that everybody in this process shares under this URL and dataset."""
    return _SHARED.setdefault((url, dataset), MemoryWarehouse())


def connect(url: str, options: SinkOptions) -> MemorySink:
    """Return a sink onto `memory://name`: the same name and dataset are the same tables until the process ends."""
    return MemorySink(warehouse(url, options.dataset), options)


def _go_on(step: Checkpoint) -> None:
    """Stand in for no fault at all."""


def _among(chunk: pa.Table, row_ids: Collection[str]) -> Any:
    return pc.is_in(chunk[ROOT_ID], value_set=pa.array(list(row_ids), pa.string()))


def _fitted(chunk: pa.Table, wanted: pa.Schema) -> pa.Table:
    columns = [
        chunk[field.name].cast(field.type) if field.name in chunk.column_names else pa.nulls(len(chunk), field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)
