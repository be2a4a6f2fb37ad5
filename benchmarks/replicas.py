"""What more replicas of one pipeline bring: real ones into PostgreSQL, and a simulation of many on one destination.

python -m benchmarks.replicas --write

In the simulation nothing is read: sinks with a connection each claim their share of 200 partitions and load small
batches as fast as they can, so that claims, epochs, locks and ledger are what is measured.
"""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from statistics import median, quantiles
from typing import Final

import anyio
import psycopg

from benchmarks import report, servers
from benchmarks.contender import DATASET, Options
from benchmarks.destinations import fresh
from benchmarks.service import running
from benchmarks.workload import produce
from checkpoints import Checkpoint, OffsetRange, Partition, Position, Span
from sinks import Sink, SinkOptions, Transient
from sinks.schema import Schema
from sinks.sql.postgres import connect
from sinks.testing import ORDERS as SMALL
from sinks.testing import batch, grown

PARTITIONS: Final = 200
ROWS: Final = 50  # in a batch of the simulation: little, so that what each commit costs by itself is seen
SIMULATED: Final = (1, 2, 5, 10, 25, 50)
REAL: Final = (1, 2, 3)
PATIENCE_SECONDS: Final = 120.0
SIMULATION: Final = (
    "replicas",
    "commits/s",
    "a commit, median",
    "a commit, p99",
    "a claim, median",
    "a claim, slowest",
)
ROWS_HEADINGS: Final = ("replicas", "events/s", "of one")


def main() -> None:
    """Measure both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--events", type=int, default=1_200_000)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    with servers.postgresql() as postgres:
        simulated = [anyio.run(simulate, postgres, replicas, given.seconds) for replicas in SIMULATED]
        report.show("simulated replicas", SIMULATION, simulated)
        with servers.kafka() as brokers:
            real = carried(brokers, postgres, given.events)
        report.show("real replicas", ROWS_HEADINGS, real)
    if given.write:
        note = f"{PARTITIONS} partitions, batches of {ROWS} rows, {given.seconds:g} seconds each, PostgreSQL beside it."
        report.write("simulated-replicas", SIMULATION, simulated, note)
        report.write("replicas", ROWS_HEADINGS, real, f"A backlog of {given.events:,} events in 4 partitions.")


async def simulate(dsn: str, replicas: int, seconds: float) -> report.Row:
    """Return what so many sinks do to one dataset that has all partitions."""
    dataset = f"replicas_{uuid.uuid4().hex[:8]}"
    sinks = [connect(dsn, SinkOptions("shop", dataset, f"replica-{number}")) for number in range(replicas)]
    claims: list[float] = []
    commits: list[float] = []
    await sinks[0].open()
    schema = await grown(sinks[0], SMALL)
    async with anyio.create_task_group() as group:
        for number, sink in enumerate(sinks):
            mine = [Partition("orders", p) for p in range(number, PARTITIONS, replicas)]
            group.start_soon(replica, sink, schema, mine, seconds, claims, commits)
    for sink in sinks:
        await sink.aclose()
    with psycopg.connect(dsn, autocommit=True) as server:
        server.execute(f"drop schema {dataset} cascade".encode())
    slowest = quantiles(commits, n=100)[-1]
    return (
        str(replicas), f"{len(commits) / seconds:.0f}", f"{median(commits) * 1000:.1f} ms", f"{slowest * 1000:.0f} ms",
        f"{median(claims) * 1000:.0f} ms", f"{max(claims) * 1000:.0f} ms",
    )  # fmt: skip


async def replica(
    sink: Sink, schema: Schema, mine: Sequence[Partition], seconds: float, claims: list[float], commits: list[float]
) -> None:
    """Claim, and load until the time is up. All replicas begin at once, as after a rebalance."""
    began = time.monotonic()
    start = Position(dict.fromkeys(mine, 0))
    while True:
        try:
            claim = await sink.claim(mine, start, {"orders": "cluster/topic"})
            break
        except Transient:  # a deadlock or a lock that took too long: again, as the runner does
            await anyio.sleep(0.05)
    claims.append(time.monotonic() - began)
    rows = batch(schema, {"orders": [{"n": n, "note": "x" * 100} for n in range(ROWS)]})
    here, until = claim.position, time.monotonic() + seconds
    for number in count():
        if time.monotonic() > until:
            return
        partition = mine[number % len(mine)]
        since = here.next[partition]
        span = Span(OffsetRange(partition, since, since + ROWS), ROWS)
        before, there = Position({partition: since}), Position({partition: since + ROWS})
        sent = time.monotonic()
        await sink.load(rows, Checkpoint("shop", uuid.uuid4().hex, before, there, claim.epoch, (span,)))
        commits.append(time.monotonic() - sent)
        here = here | there


def carried(brokers: str, postgres: str, events: int) -> list[report.Row]:
    """Return events a second of one, two and three services that share a topic of 4 partitions."""
    topic = produce(brokers, "replicas", events).topic
    speeds: list[float] = []
    for replicas in REAL:
        with fresh("PostgreSQL", postgres) as url, ExitStack() as stack:
            given = Options(brokers, topic, url, events)
            for _ in range(replicas):
                stack.enter_context(running(given, {"HEADRACE__KAFKA__GROUP": url.rpartition("/")[2]}))
            speeds.append(_speed(url, events, replicas))
    return [
        (str(replicas), f"{speed:,.0f}", f"{speed / speeds[0]:.2f}")
        for replicas, speed in zip(REAL, speeds, strict=True)
    ]


def _speed(url: str, events: int, replicas: int) -> float:
    """Return events a second from the moment that all replicas own partitions to the last commit."""
    begun: tuple[float, int] | None = None
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as server:
        while time.monotonic() < deadline:
            time.sleep(0.02)
            if server.execute(f"select to_regclass('{DATASET}._hr_offsets')".encode()).fetchone() == (None,):
                continue
            question = f"select coalesce(sum(next_offset), 0), count(distinct owner) from {DATASET}._hr_offsets"
            done, owners = server.execute(question.encode()).fetchall()[0]
            if begun is None and owners == replicas:
                begun = time.monotonic(), int(done)
            if done >= events:
                if begun is None:
                    raise RuntimeError(f"everything was loaded before {replicas} replicas had joined: use more events")
                return (events - begun[1]) / (time.monotonic() - begun[0])
    raise RuntimeError(f"not everything was loaded in {PATIENCE_SECONDS:g} s")


if __name__ == "__main__":
    main()
