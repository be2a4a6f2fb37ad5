"""What dirty streams cost beside a clean one, from decoding to the commit, without Kafka.

python -m benchmarks.micro_drift [batches] [events a batch]

Orders in batches, in 4 partitions unless said otherwise, into DuckDB and PostgreSQL. All streams take turns, batch by
batch, each into a dataset of its own (a file of its own
in DuckDB, which a merge sets to vacuum). The speed is that
of all batches together, as a part of the stream beside it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import anyio

from benchmarks.servers import postgres
from benchmarks.workload import orders
from checkpoints import OffsetRange, Partition, Position
from sinks import Batch, Schema, Sink, SinkOptions
from sinks.registry import connect
from stream.config.models import Config
from stream.config.topics import Contract, Topic
from stream.model import PartitionRecords, RawBatch
from stream.runtime.prepare import Preparer, next_step, spans_of

TOPIC: Final = "orders"
FEW: Final = 4
DRIFT_EVERY: Final = 20
Dirty = Callable[[int, list[bytes]], list[bytes]]


def clean(number: int, values: list[bytes]) -> list[bytes]:
    """Return the events as they are."""
    return values


def conflicting(number: int, values: list[bytes]) -> list[bytes]:
    """Return the events, in one of a hundred a number where a text was."""
    return [each if n % 100 else each.replace(b'"status":"', b'"status":5,"was":"', 1) for n, each in enumerate(values)]


def drifting(number: int, values: list[bytes]) -> list[bytes]:
    """Return the events, one of a hundred in conflict, with a new column in every 20th batch."""
    new = b'{"new_%d":1,' % (number // DRIFT_EVERY)
    return conflicting(number, [new + each[1:] for each in values])


@dataclass(frozen=True, slots=True)
class Kind:
    """A stream, and the name of the one that it is measured beside."""

    name: str
    beside: str
    dirty: Dirty = clean
    topic: Topic = field(default_factory=Topic)
    partitions: int = FEW


MERGE: Final = {"write_disposition": "merge", "primary_key": ("order_id",)}
KINDS: Final = (
    Kind("clean", "clean"),
    Kind("a new column in every 20th batch, 1 % conflicts", "clean", drifting),
    Kind("1 % conflicts", "clean", conflicting),
    Kind("frozen columns", "clean", topic=Topic(schema_contract=Contract(columns="freeze"))),
    Kind("1,000 partitions", "clean", partitions=1_000),
    Kind("merge", "merge", topic=Topic.model_validate(MERGE)),
    Kind("merge, 1 % conflicts", "merge", conflicting, Topic.model_validate(MERGE)),
)


class Stream:
    """Carries batches of one kind into a sink."""

    def __init__(self, kind: Kind, sink: Sink) -> None:
        self._dirty = kind.dirty
        self._sink = sink
        self._partitions = [Partition(TOPIC, number) for number in range(kind.partitions)]
        self._preparer = Preparer(Config(topics={TOPIC: kind.topic}), sink.capabilities)
        self._here = Position(dict.fromkeys(self._partitions, 0))
        self._schema = Schema()
        self._epoch = 0
        self.seconds: list[float] = []

    async def open(self) -> None:
        """Claim the partitions."""
        await self._sink.open()
        claim = await self._sink.claim(self._partitions, self._here, {})
        self._epoch, self._schema = claim.epoch, await self._sink.schema()

    async def carry(self, number: int, values: list[bytes]) -> None:
        """Take one batch to its commit, and note how long it took."""
        raw = self._raw(self._dirty(number, values))
        began = time.perf_counter()
        decoded = self._preparer.decode(raw)
        load_id = f"load-{number}"
        flat = self._preparer.normalize(decoded.documents, self._schema, load_id)
        evolved = self._preparer.settle(self._preparer.evolve(self._schema, flat), {}, datetime.now(UTC))
        if evolved.plan:
            await self._sink.apply(evolved.plan)
        self._schema = evolved.plan.target
        step = next_step("bench", load_id, self._epoch, self._here, spans_of(raw, decoded.rejects, decoded.skipped))
        batch = Batch(evolved.tables, decoded.rejects, self._schema.version, evolved.deletes)
        await self._sink.load(batch, step)
        self._here = self._here | step.upto
        self.seconds.append(time.perf_counter() - began)

    def _raw(self, values: list[bytes]) -> RawBatch:
        count = len(values) // len(self._partitions)
        parts = []
        for place, partition in enumerate(self._partitions):
            start = self._here.next[partition]
            mine = values[place * count : (place + 1) * count]
            offsets, times = range(start, start + count), [1_767_225_600_000] * count
            parts.append(
                PartitionRecords(OffsetRange(partition, start, start + count), offsets, times, [None] * count, mine)
            )
        return RawBatch(tuple(parts), sum(map(len, values)))


async def compare(where: str, url_of: Callable[[int], str], batches: int, size: int) -> None:
    """Print the factor of each kind of stream."""
    sinks = [connect(url_of(number), SinkOptions("bench", f"bench_{number}", "bench")) for number in range(len(KINDS))]
    streams = {kind.name: Stream(kind, sink) for kind, sink in zip(KINDS, sinks, strict=True)}
    for stream in streams.values():
        await stream.open()
    events = [event for event, _ in orders(batches * size)]
    for number in range(batches):
        for stream in streams.values():
            await stream.carry(number, events[number * size : (number + 1) * size])
    for sink in sinks:
        await sink.aclose()
    for kind in KINDS:
        mine, beside = (sum(streams[name].seconds) for name in (kind.name, kind.beside))
        middle = statistics.median(streams[kind.name].seconds)
        print(f"| {where} | {kind.name} | {size / middle:,.0f} | {beside / mine:.2f} of {kind.beside} |", flush=True)


def main() -> None:
    """Print the table."""
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    print("| destination | stream | events/s, median batch | speed |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(compare, "DuckDB", lambda number: f"duckdb:///{folder}/bench_{number}.duckdb", batches, size)
    with postgres.owned() as server:
        anyio.run(compare, "PostgreSQL", lambda _: server.dsn, batches, size)


if __name__ == "__main__":
    main()
