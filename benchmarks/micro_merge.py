"""Events per second of merging alone, beside an expert's own upsert of the same rows.

python -m benchmarks.micro_merge [events] [stored rows before]

Batches of 50,000 flat events, one in ten of a key that is stored. The expert copies into a temporary table and inserts
over conflicts (PostgreSQL), or deletes and inserts (DuckDB). headrace also chooses the newest event of each key, keeps
late events and remembered deletes apart, and writes its ledger in the same transaction. All take turns, batch by batch.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import anyio
import duckdb
import psycopg
import pyarrow as pa

from benchmarks.expert_postgres import copy_in
from benchmarks.servers import postgres
from checkpoints import Checkpoint, OffsetRange, Partition
from sinks import Batch, Schema, Sink, SinkOptions
from sinks.registry import connect
from stream.config.models import Config
from stream.config.topics import Topic
from stream.evolve import Evolved
from stream.model import ArrowDocuments, Documents, PartitionRecords, RawBatch
from stream.runtime.prepare import Preparer

BATCH: Final = 50_000
UPDATES: Final = 0.1
COLUMNS: Final = "id bigint primary key, customer text, note text, price double precision, seen timestamptz"
Load = Callable[[pa.Table], None]


def batches(events: int, deletes: float = 0.0) -> Iterator[pa.Table]:
    """Yield events in batches, each key of a batch once, so that the expert needs not look for the newest."""
    chance = random.Random(7)
    fresh = 0
    for start in range(0, events, BATCH):
        keys: dict[int, None] = {}
        for _ in range(min(BATCH, events - start)):
            old = chance.randrange(fresh) if fresh and chance.random() < UPDATES else fresh
            if old in keys or old == fresh:
                old, fresh = fresh, fresh + 1
            keys[old] = None
        ids = list(keys)
        gone = [chance.random() < deletes for _ in ids]
        yield pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "customer": pa.array([f"customer {key % 1000}" for key in ids]),
                "note": pa.array([f"a note of some forty bytes for {key:10}" for key in ids]),
                "price": pa.array([key * 0.5 for key in ids], pa.float64()),
                "seen": pa.array([start + n for n in range(len(ids))], pa.timestamp("us", "UTC")),
                **({"gone": pa.array(gone)} if deletes else {}),
            }
        )


class Headrace:
    """Merges batches through headrace's stages and one of its sinks."""

    def __init__(self, sink: Sink) -> None:
        topic = Topic(write_disposition="merge", primary_key=("id",), hard_delete="gone")
        self._preparer = Preparer(Config(topics={"orders": topic}), sink.capabilities)
        self._sink = sink
        self._offset = 0
        self._schema: Schema | None = None  # as the lane keeps it: asked for once
        nothing = PartitionRecords(OffsetRange(Partition("orders", 0), 0, 0), (), (), (), ())
        self._preparer.decode(RawBatch((nothing,)))  # it learns of a topic by its records

    async def load(self, data: pa.Table) -> None:
        """Load one batch."""
        load_id = f"load-{self._offset}"
        keys = pa.table(
            {
                "_kafka_partition": pa.repeat(pa.scalar(0, pa.int64()), len(data)),
                "_kafka_offset": pa.arange(self._offset, self._offset + len(data)),
                "_kafka_timestamp": data["seen"],
            }
        )
        self._offset += len(data)
        schema = self._schema or await self._sink.schema()
        documents = Documents("orders", "orders", (ArrowDocuments(data, keys),))
        flat = self._preparer.normalize((documents,), schema, load_id)
        evolved: Evolved = self._preparer.settle(self._preparer.evolve(schema, flat), {}, datetime.now(UTC))
        if evolved.plan:
            await self._sink.apply(evolved.plan)
        batch = Batch(evolved.tables, (), evolved.plan.target.version, evolved.deletes)
        await self._sink.load(batch, Checkpoint("bench", load_id))
        self._schema = evolved.plan.target


def expert_postgres(database: psycopg.Connection) -> Load:
    """Return an expert's upsert into PostgreSQL."""
    database.execute("drop schema if exists expert cascade")
    database.execute("create schema expert")
    database.execute("set search_path to expert")
    database.execute(f"create table orders ({COLUMNS})")
    database.execute("create temporary table arriving (like orders) on commit delete rows")
    names = ("customer", "note", "price", "seen")
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)

    def load(data: pa.Table) -> None:
        with database.transaction(), database.cursor() as cursor:
            copy_in(cursor, "arriving", data)
            cursor.execute(f"insert into orders select * from arriving on conflict (id) do update set {changes}")

    return load


def expert_duckdb(database: duckdb.DuckDBPyConnection) -> Load:
    """Return an expert's upsert into DuckDB: the fastest that we know."""
    database.execute(f"create table orders ({COLUMNS.replace(' primary key', '')})")

    def load(data: pa.Table) -> None:
        database.begin()
        database.register("arriving", data)
        database.execute("delete from orders using arriving where orders.id = arriving.id")
        database.execute("insert into orders select * from arriving")
        database.commit()
        database.unregister("arriving")

    return load


async def compare(where: str, url: str, expert: Load, events: int, before: int) -> None:
    """Print how long the expert and headrace take for the same events, after `before` others."""
    sinks = [connect(url, SinkOptions("bench", dataset, "bench")) for dataset in ("plain", "deleting")]
    for sink in sinks:
        await sink.open()
    plain, deleting = map(Headrace, sinks)
    seconds = [0.0, 0.0, 0.0]
    for number, (data, marked) in enumerate(zip(batches(before + events), batches(before + events, 0.05), strict=True)):
        began = time.perf_counter()
        expert(data)
        first = time.perf_counter()
        await plain.load(data)
        second = time.perf_counter()
        await deleting.load(marked)
        if number * BATCH >= before:
            taken = (first - began, second - first, time.perf_counter() - second)
            seconds = [total + one for total, one in zip(seconds, taken, strict=True)]
    for sink in sinks:
        await sink.aclose()
    speeds = ", ".join(
        f"{name} {events / spent / 1e3:.0f}k/s"
        for name, spent in zip(("expert", "headrace", "with 5 % deletes"), seconds, strict=True)
    )
    print(f"{where}: {speeds}; ratio {seconds[0] / seconds[1]:.2f}, deletes {seconds[2] / seconds[1]:.2f}", flush=True)


def main() -> None:
    """Print the figures."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    before = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(f"{folder}/expert.duckdb", config={"threads": 1}) as database,
    ):
        url = f"duckdb:///{folder}/headrace.duckdb"
        anyio.run(compare, "duckdb", url, expert_duckdb(database), events, before)
    with postgres.owned() as server, psycopg.connect(server.dsn, autocommit=True) as client:
        anyio.run(compare, "postgres", server.dsn, expert_postgres(client), events, before)


if __name__ == "__main__":
    main()
