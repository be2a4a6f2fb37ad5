"""A service that has caught up with its topic, a producer for more, and the judges over both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from support import events
from support.auditor import auditing
from support.place import TABLE, Place
from support.proxy import Proxy
from support.service import Service

PARTITIONS = 3
FEW, MANY = 300, 3_000
LARGE_EVENTS, LARGE_BYTES = 100, 20_000


@dataclass(frozen=True)
class Stream:
    """A service that has caught up with its topic, and a producer for more."""

    place: Place
    service: Service
    seeds: Iterator[int]

    def produce(self, number: int) -> None:
        values = events.orders(number, seed=next(self.seeds), poison_every=100)
        events.produce(self.place.bootstrap, self.place.topic, values, partitions=PARTITIONS)

    def produce_large(self, prefix: str = "") -> None:
        note = "x" * LARGE_BYTES
        values = [events.stamped({"note": note}, uid=f"large-{prefix}{index}") for index in range(LARGE_EVENTS)]
        events.produce(self.place.bootstrap, self.place.topic, values, partitions=PARTITIONS)

    def catch_up(self) -> None:
        self.place.until_caught_up(self.service)

    @property
    def peak_bytes(self) -> int:
        """Return the most memory that the service ever had."""
        with open(f"/proc/{self.service.process.pid}/status") as status:
            (kilobytes,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
        return int(kilobytes) * 1024


@contextmanager
def streaming(place: Place) -> Iterator[Stream]:
    """Stream while the block lasts, with new events before and after it; then drain, and let the oracle judge."""
    with place.running() as service:
        stream = Stream(place, service, count(1))
        stream.produce(FEW)
        stream.catch_up()
        yield stream
        stream.produce(FEW)
        stream.catch_up()
        service.drain()
    place.judged()


@contextmanager
def audited(place: Place, dsn: str) -> Iterator[Stream]:
    """Stream as `streaming` does, with the auditor looking all along."""
    with auditing(dsn, place.dataset, {place.topic: TABLE}), streaming(place) as stream:
        yield stream


@contextmanager
def inside_a_copy(stream: Stream, proxy: Proxy) -> Iterator[None]:
    """Enter the block while the server waits in the middle of a COPY of new events."""
    proxy.weather.delay_seconds = 0.3
    stream.produce(MANY)
    stream.service.until(stream.place.is_copying)
    yield
    proxy.weather.delay_seconds = 0.0
