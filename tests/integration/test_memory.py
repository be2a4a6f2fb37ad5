"""The ceiling of memory: a thousand partitions at once, and records of ten megabytes."""

from __future__ import annotations

import pytest

from support import events
from support.place import Place, on_postgres
from support.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MANY_PARTITIONS = 1_000
LARGE_BYTES = 10_000_000
IDLE_BYTES = 200 * 1024 * 1024
"""What the process has before it reads anything, on the machine of CI: 125 MiB, and some air."""
BUFFER_BYTES = 64 * 1024 * 1024


def peak_bytes(life: Service) -> int:
    """Return the most memory that a service ever had."""
    with open(f"/proc/{life.process.pid}/status") as status:
        (kilobytes,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(kilobytes) * 1024


def carried(place: Place) -> int:
    """Carry the topic to its present end; return the peak of memory."""
    with place.running() as life:
        place.until_caught_up(life, seconds=200)
        peak = peak_bytes(life)
        life.drain()
    place.judged()
    return peak


def test_a_thousand_partitions_cost_no_more_than_the_budget(kafka, topic, postgres_dsn, dataset):
    place = on_postgres(kafka.bootstrap, topic(partitions=MANY_PARTITIONS), postgres_dsn, dataset)
    events.produce(place.bootstrap, place.topic, events.orders(60_000, seed=1), partitions=MANY_PARTITIONS)
    peak = carried(place.with_settings(batching__max_rows="20000"))
    print(f"peak {peak / 2**20:.0f} MiB")
    assert peak < IDLE_BYTES + 4 * BUFFER_BYTES


def test_records_of_ten_megabytes_cost_a_bounded_multiple_of_the_budget(kafka, topic, postgres_dsn, dataset):
    place = on_postgres(kafka.bootstrap, topic(partitions=3), postgres_dsn, dataset)
    values = [events.stamped({"note": "x" * LARGE_BYTES}, uid=f"large-{index}") for index in range(30)]
    events.produce(place.bootstrap, place.topic, values, partitions=3)
    peak = carried(place)
    print(f"peak {peak / 2**20:.0f} MiB")
    assert peak < IDLE_BYTES + 8 * BUFFER_BYTES
