"""A long life in a short time: tiny batches, a schema that drifts, rebalances; and nothing that grows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import events
from support.intruder import join_once
from support.place import Place, on_postgres
from support.service import Service

BURSTS = int(os.environ.get("HEADRACE_SOAK_BURSTS", "240"))
A_BURST = 30
PARTITIONS = 3
COLUMNS = 40
"""How many bursts bring a new key; as many after them bring a second type of one, and those after them nothing new."""
REBALANCE_EVERY = 40
MOST_MORE_BYTES = 40 * 1024 * 1024
MOST_MORE_THREADS = 4
MOST_MORE_FILES = 8
KEPT_SECONDS = "2"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + BURSTS * 5)]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds at one instant."""

    nbytes: int
    threads: int
    files: int

    @classmethod
    def of(cls, life: Service) -> Footprint:
        """Return the footprint of a service."""
        proc = Path(f"/proc/{life.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        nbytes = int(status["VmRSS"].split()[0]) * 1024
        return cls(nbytes, int(status["Threads"]), len(list((proc / "fd").iterdir())))


def burst(number: int) -> Iterable[bytes]:
    """Return records of which some have a key, or a type of one, that was not there before."""
    key = f"drift_{number % COLUMNS}"
    value: object = number if number < COLUMNS else f"text {number}"
    for index in range(A_BURST):
        body = {"sequence": index, **({key: value} if index % 3 == 0 else {})}
        yield events.stamped(body, uid=f"{number}-{index}")


def lived(place: Place, life: Service, numbers: Iterable[int]) -> None:
    """Let so many bursts land, one by one, with a rebalance now and then."""
    for number in numbers:
        events.produce(place.bootstrap, place.topic, burst(number), partitions=PARTITIONS)
        if number % REBALANCE_EVERY == REBALANCE_EVERY - 1:
            join_once(place.bootstrap, place.dataset, place.topic)
        place.until_caught_up(life, seconds=120)


def test_many_tiny_batches_with_drift_and_rebalances_leave_nothing_that_grows(kafka, topic, postgres_dsn, dataset):
    place = on_postgres(kafka.bootstrap, topic(partitions=PARTITIONS), postgres_dsn, dataset).with_settings(
        kafka__instance_id="", ledger__keep_detail_seconds=KEPT_SECONDS, batching__max_rows="10"
    )
    third = BURSTS // 3
    with place.running() as life:
        lived(place, life, range(third))
        early = Footprint.of(life)
        lived(place, life, range(third, BURSTS))
        late = Footprint.of(life)
        life.drain()
    print(f"{early} after {third} bursts, {late} after {BURSTS}")
    (lines,) = place.query(f'select count(*) from "{dataset}"._hr_loads')[0]
    (loads,) = place.query(f'select count(distinct _hr_load_id) from "{dataset}".orders')[0]
    print(f"{loads} loads with rows, {lines} lines in the ledger")
    assert late.nbytes - early.nbytes < MOST_MORE_BYTES
    assert late.threads - early.threads <= MOST_MORE_THREADS
    assert late.files - early.files <= MOST_MORE_FILES
    versions, epochs, recent = 2 * COLUMNS, 2 * BURSTS // REBALANCE_EVERY, 60
    assert lines <= (versions + epochs + recent) * PARTITIONS  # a line for each stretch of one version and one epoch
    place.judged()
