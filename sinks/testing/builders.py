"""Short ways to say tables, plans, batches and rejects; any test of a sink may use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

import anyio
import pyarrow as pa

from checkpoints import Checkpoint, Claim, Partition
from checkpoints.testing import ORIGINS, PIPELINE, at
from sinks.changes import AddColumn, Change, CreateTable, SchemaPlan, WidenColumn
from sinks.contract import Batch, Reject, Sink
from sinks.errors import Transient
from sinks.schema import BIGINT, TEXT, Column, DataType, Schema, Table

Row = Mapping[str, object]
T = TypeVar("T")

MOST_TRIES: Final = 20


def table(name: str, **types: DataType) -> Table:
    """Return a root table with these nullable columns."""
    return Table(name, {column: Column(column, kind) for column, kind in types.items()})


ORDERS: Final = table("orders", n=BIGINT, note=TEXT)


def plan(base: Schema, *tables: Table) -> SchemaPlan:
    """Return the plan from `base` to a schema in which `tables` look like this, the others as they are."""
    changes = tuple(change for wanted in tables for change in _changes(base.tables.get(wanted.name), wanted))
    if not changes:
        return SchemaPlan(base, base)
    return SchemaPlan(base, Schema(base.version + 1, {**base.tables, **{t.name: t for t in tables}}), changes)


def _changes(known: Table | None, wanted: Table) -> Iterable[Change]:
    if known is None:
        yield CreateTable(wanted)
        return
    for column in wanted.columns.values():
        if column.name not in known.columns:
            yield AddColumn(wanted.name, column)
        elif known.columns[column.name] != column:
            yield WidenColumn(wanted.name, column, known.columns[column.name].type)


def batch(schema: Schema, rows: Mapping[str, Iterable[Row]], *, rejects: Iterable[Reject] = ()) -> Batch:
    """Return the batch of these rows by table, conformed to `schema`; a key that a row lacks is null."""
    tables = {name: pa.Table.from_pylist(list(of), schema.tables[name].arrow) for name, of in rows.items()}
    return Batch(tables, tuple(rejects), schema.version)


def reject(
    partition: Partition,
    offset: int,
    *,
    key: bytes | None = b"key",
    value: bytes | None = b"{",
    error: str = "unexpected end of input",
) -> Reject:
    """Return a record set aside as invalid JSON."""
    at_noon = datetime(2026, 3, 1, 12, 0, 0, 123_000, UTC)
    return Reject(partition, offset, at_noon, key, value, "invalid_json", error)


def data_step(load_id: str) -> Checkpoint:
    """Return the step of a load that does not come from Kafka: no partitions, guarded by its id alone."""
    return Checkpoint(PIPELINE, load_id)


async def grown(sink: Sink, *tables: Table) -> Schema:
    """Apply what makes `tables` exist in the destination, and return its schema."""
    await sink.apply(plan(await sink.schema(), *tables))
    return await sink.schema()


async def claimed(sink: Sink, *offsets: int) -> Claim:
    """Claim the partitions A, B, C of `checkpoints.testing`, as many as there are offsets, to start there."""
    start = at(*offsets)
    return await sink.claim(list(start.next), start, ORIGINS)


async def settled(call: Callable[[], Awaitable[T]]) -> T:
    """Return what `call` returns; while it is `Transient`, call again a little later, as whoever races must."""
    for tries in range(MOST_TRIES - 1):
        try:
            return await call()
        except Transient:
            await anyio.sleep(0.01 * tries)
    return await call()
