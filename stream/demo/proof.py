"""The proof: what the broker holds against what the tables hold, read without the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from aiokafka import AIOKafkaConsumer, TopicPartition


@dataclass(frozen=True, slots=True)
class Proof:
    """The count of produced events against rows and rejects. `missing` and `twice` must be 0."""

    produced: int
    rows: int
    rejects: int
    missing: int
    twice: int
    strangers: int
    altered: int

    @property
    def holds(self) -> bool:
        """Return whether each event is there exactly once, with its own uid."""
        return not (self.missing or self.twice or self.strangers or self.altered)


@contextmanager
def opened(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a reader of a DuckDB file, attached by a name that no dataset in it has."""
    with duckdb.connect() as connection:
        connection.execute("attach $1 as demo_file (read_only)", [str(database)])
        connection.execute("use demo_file")
        yield connection


async def read_topic(address: str, topic: str, produced: int) -> pa.Table:
    """Return partition, offset and uid (null where the event has none) of `produced` events, as a fresh consumer reads.

    Reads by plain offsets, in no group; ends when as many events were read as the producer had acknowledged.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        await consumer.topics()  # fetches the metadata that the next line reads
        consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
        seen: list[tuple[int, int, int | None]] = []
        while len(seen) < produced:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                seen.extend((record.partition, record.offset, _uid(record.value)) for record in records)
    finally:
        await consumer.stop()
    partitions, offsets, uids = zip(*seen, strict=True)
    return pa.table({"partition": partitions, "offset": offsets, "uid": pa.array(uids, pa.int64())})


def prove(database: Path, dataset: str, topic: str, events: pa.Table) -> Proof:
    """Return how `events` and the tables in `database` agree, one by one."""
    with opened(database) as connection:
        connection.register("events", events)
        connection.execute(f"""
            create temp table landed as
            select _kafka_partition as "partition", _kafka_offset as "offset", uid, false as rejected
            from "{dataset}"."{topic}"
            union all
            select "partition", "offset", null, true from "{dataset}"."_hr_rejects"
        """)  # noqa: S608  # names of our own making
        query = """
            with landed_once as (
                select "partition", "offset", count(*) as copies, any_value(uid) as uid, bool_or(rejected) as rejected
                from landed group by all
            )
            select
                (select count(*) from events),
                (select count(*) from landed where not rejected),
                (select count(*) from landed where rejected),
                count(*) filter (l.copies is null),
                count(*) filter (l.copies > 1),
                count(*) filter (e."offset" is null),
                count(*) filter (l.copies is not null and not l.rejected and l.uid is distinct from e.uid)
            from (select "partition", "offset", uid from events) e
            full join landed_once l using ("partition", "offset")
        """
        (counts,) = connection.execute(query).fetchall()
        return Proof(*counts)


def _uid(value: bytes | None) -> Any:
    """Return an event's uid as the standard library reads it; None for what is no proper document."""
    try:
        document = json.loads(value or b"", object_pairs_hook=_without_duplicates, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return document.get("uid")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("duplicate key")
    return document


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
