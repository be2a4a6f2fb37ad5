"""Events per second of normalize and evolve alone: one batch of orders, parsed beforehand, on one thread.

python -m benchmarks.micro_normalize [events]
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.json

from benchmarks.workload import orders
from sinks import Schema
from stream.evolve import Rules, evolve
from stream.model import ArrowDocuments, Documents
from stream.normalize import Names, normalize

ROUNDS = 15
T = TypeVar("T")


def documents(events: int) -> Documents:
    """Return the orders of the benchmark, as the decoder hands them out."""
    lines = b"\n".join(value for value, _ in orders(events))
    options = pyarrow.json.ReadOptions(use_threads=False, block_size=max(len(lines), 1))
    data = pyarrow.json.read_json(io.BytesIO(lines), read_options=options)
    partitions = pa.array([index % 4 for index in range(events)], pa.int32())
    now = pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC"))
    keys = {
        "_kafka_partition": partitions,
        "_kafka_offset": pa.array(range(1_000_000, 1_000_000 + events)),
        "_kafka_timestamp": pa.repeat(now, events),
    }
    return Documents("orders", "orders", (ArrowDocuments(data, pa.table(keys)),))


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """Return the median time of a call, and what it returned."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - began)
    return statistics.median(times), result


def main() -> None:
    """Print the figures."""
    pa.set_cpu_count(1)
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    batch = [documents(events)]
    schema = evolve(Schema(), normalize(batch, names=Names(), load_id="first"), Rules()).plan.target
    normalizing, flat = seconds(lambda: normalize(batch, names=Names(schema), load_id="next"))
    for title, rules in (("any text", Rules()), ("no NUL in text", Rules(stores_nul_text=False))):
        evolving, evolved = seconds(partial(evolve, schema, flat, rules))
        rows = {name: table.num_rows for name, table in evolved.tables.items()}
        print(f"{title}: {rows}, changes: {len(evolved.plan.changes)}")
        for stage, spent in (("normalize", normalizing), ("evolve", evolving), ("both", normalizing + evolving)):
            print(f"  {stage:10} {events / spent / 1e6:6.2f} M events/s  {spent / events * 1e9:6.0f} ns/event")


if __name__ == "__main__":
    main()
