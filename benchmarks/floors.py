"""What each step costs when nothing else is done: reading, parsing, inserting, copying. No pipeline can be faster.

python -m benchmarks.floors drain_aiokafka --topic orders --events 1000000
"""

from __future__ import annotations

import asyncio
import sys

import duckdb
import psycopg
import pyarrow as pa
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import expert_duckdb, expert_postgres
from benchmarks.backlog import BATCH_RECORDS, backlog
from benchmarks.contender import ORDERS, Options, Outcome, now, options
from benchmarks.expert import CREATE_TABLES, Chunk, flatten, parse
from benchmarks.workload import PARTITIONS, orders


def drain_confluent(given: Options) -> Outcome:
    """Read the backlog with confluent-kafka and drop it."""
    ready = now()
    return Outcome(sum(map(len, backlog(given.brokers, given.topic))), ready, now())


def drain_aiokafka(given: Options) -> Outcome:
    """Read the backlog with aiokafka and drop it."""
    return asyncio.run(_drain_aiokafka(given))


async def _drain_aiokafka(given: Options) -> Outcome:
    partitions = [TopicPartition(given.topic, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=given.brokers, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", max_partition_fetch_bytes=4 * 1024 * 1024,
    )  # fmt: skip
    async with consumer:
        ready = now()
        consumer.assign(partitions)
        left = sum((await consumer.end_offsets(partitions)).values())
        events = 0
        while events < left:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                events += len(records)
    return Outcome(events, ready, now())


def parse_only(given: Options) -> Outcome:
    """Parse and flatten the same batch again and again."""
    batch = _values()
    ready = now()
    for _ in range(_rounds(given)):
        flatten(parse(batch))
    return Outcome(_rounds(given) * len(batch), ready, now())


def insert_only(given: Options) -> Outcome:
    """Insert the same chunk into DuckDB again and again, a transaction each."""
    chunk = _chunk()
    with duckdb.connect(given.file) as database:
        for statement in CREATE_TABLES:
            database.execute(statement)
        ready = now()
        for _ in range(_rounds(given)):
            expert_duckdb.load(database, chunk)
    return Outcome(_rounds(given) * BATCH_RECORDS, ready, now())


def copy_only(given: Options) -> Outcome:
    """Copy the same chunk into PostgreSQL again and again, a transaction each."""
    chunk = _chunk()
    with psycopg.connect(given.to, autocommit=True) as database:
        for statement in CREATE_TABLES:
            database.execute(statement)
        ready = now()
        for _ in range(_rounds(given)):
            expert_postgres.load(database, chunk)
    return Outcome(_rounds(given) * BATCH_RECORDS, ready, now())


def _values() -> list[bytes]:
    return [event for event, _ in orders(BATCH_RECORDS)]


def _chunk() -> Chunk:
    tables = flatten(parse(_values()))
    where = pa.nulls(BATCH_RECORDS, pa.int64())  # stands for partition and offset
    table = tables[ORDERS].append_column("kafka_partition", where).append_column("kafka_offset", where)
    return Chunk({**tables, ORDERS: table}, {0: BATCH_RECORDS})


def _rounds(given: Options) -> int:
    return max(1, given.events // BATCH_RECORDS)


FLOORS = {floor.__name__: floor for floor in (drain_confluent, drain_aiokafka, parse_only, insert_only, copy_only)}


if __name__ == "__main__":
    FLOORS[sys.argv.pop(1)](options(__doc__)).report()
