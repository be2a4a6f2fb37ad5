"""What networks and machines do to a running service: lost answers, cut connections, servers that die and come back."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

import pytest
from confluent_kafka.admin import AdminClient

from support import events
from support.auditor import auditing
from support.place import TABLE, Place, on_duckdb, on_postgres
from support.proxy import Proxy, Weather, proxied
from support.service import Service, wait_until

PARTITIONS = 3
FEW, MANY = 300, 3_000
OUTAGE_SECONDS = 60
# What is produced meanwhile is 120 MB in all. Of that the service may hold its budget, and what aiokafka fetches ahead.
LARGE_EVENTS, LARGE_BYTES = 100, 20_000
BUDGET_BYTES = 4_000_000
MOST_MORE_BYTES = 48 * 1024 * 1024
IMPATIENT = {
    "destination__statement_timeout_seconds": "2",
    "destination__lock_timeout_seconds": "2",
    "destination__idle_in_transaction_seconds": "2",
    "destination__connect_timeout_seconds": "2",
}


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


@pytest.fixture
def proxy(postgres_dsn) -> Iterator[Proxy]:
    with proxied(postgres_dsn) as proxy:
        yield proxy


@pytest.fixture
def place(kafka, topic, proxy, postgres_dsn, dataset) -> Place:
    direct = on_postgres(kafka.bootstrap, topic(partitions=PARTITIONS), postgres_dsn, dataset)
    return replace(direct, url=proxy.dsn(postgres_dsn))


@pytest.mark.parametrize(
    "weather",
    [Weather(lose_commit=True), Weather(lose_commit_answer=True), Weather(cut_after_bytes=30_000)],
    ids=["the request of a commit", "the answer to a commit", "the connection inside a COPY"],
)
def test_what_the_network_loses_is_neither_lost_nor_doubled(place, proxy, postgres_dsn, weather):
    with audited(place, postgres_dsn) as stream:
        proxy.weather = weather
        stream.produce(MANY)
        stream.catch_up()
        assert weather.fired.is_set()


def test_a_postgresql_that_is_killed_inside_a_copy_and_comes_back_finds_the_stream_waiting(
    place, proxy, postgres, postgres_dsn
):
    with audited(place, postgres_dsn) as stream:
        with inside_a_copy(stream, proxy), killed(postgres):
            pass
        stream.catch_up()


@pytest.mark.parametrize("where", ["between two batches", "inside a COPY"])
def test_a_connection_that_falls_silent_is_given_up_for_another(place, proxy, postgres_dsn, where):
    with audited(place.with_settings(**IMPATIENT), postgres_dsn) as stream:
        if where == "inside a COPY":
            with inside_a_copy(stream, proxy):
                proxy.weather.blackhole = True
        else:
            proxy.weather.blackhole = True
            stream.produce(FEW)
        stream.service.until(lambda: "cannot be reached" in stream.service.log)  # in vain, but by a new connection
        proxy.weather.blackhole = False
        stream.catch_up()


def test_an_outage_of_a_minute_is_sat_out_within_bounded_memory_and_without_a_reject(place, postgres, postgres_dsn):
    small = place.with_settings(batching__buffer_bytes=str(BUDGET_BYTES), batching__max_bytes=str(BUDGET_BYTES // 4))
    with audited(small, postgres_dsn) as stream:
        stream.produce_large()
        stream.catch_up()
        before = stream.peak_bytes
        with killed(postgres):
            for second in range(OUTAGE_SECONDS):
                over = time.monotonic() + 1
                stream.produce_large(f"{second}-")
                wait_until(lambda over=over: time.monotonic() >= over)
            assert stream.service.process.poll() is None
        assert stream.peak_bytes - before < MOST_MORE_BYTES
        stream.catch_up()
        assert stream.peak_bytes - before < MOST_MORE_BYTES


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_a_broker_that_is_killed_and_comes_back_is_read_on(request, kafka, topic, dataset, tmp_path, kind):
    name = topic(partitions=PARTITIONS)
    if kind == "duckdb":
        place = on_duckdb(kafka.bootstrap, name, tmp_path / "wire.duckdb", dataset)
    else:
        place = on_postgres(kafka.bootstrap, name, request.getfixturevalue("postgres_dsn"), dataset)
    events.produce(place.bootstrap, name, events.orders(MANY, seed=1), partitions=PARTITIONS)
    reading = place.with_settings(kafka__max_partition_fetch_bytes="20000").running
    with reading("--until", "latest", failpoints="poll.after=stop@3") as service:
        service.until(lambda: service.stopped)
        with killed(kafka):
            service.send(signal.SIGCONT)
        assert service.wait() == 0, service.log[-3000:]
        assert service.fired
    place.judged()


def test_a_service_that_slept_while_the_broker_restarted_and_its_session_ended_goes_on(
    kafka, topic, dataset, postgres_dsn
):
    place = on_postgres(kafka.bootstrap, topic(partitions=PARTITIONS), postgres_dsn, dataset)
    events.produce(place.bootstrap, place.topic, events.orders(MANY, seed=1), partitions=PARTITIONS)
    reading = place.with_settings(kafka__max_partition_fetch_bytes="20000").running
    with reading("--until", "latest", failpoints="poll.after=stop@3") as service:
        service.until(lambda: service.stopped)
        with killed(kafka):
            pass
        wait_until(lambda: not members(place.bootstrap, group=place.dataset))
        service.send(signal.SIGCONT)
        assert service.wait() == 0, service.log[-3000:]
        assert "partitions lost" in service.log
    place.judged()


def members(bootstrap: str, group: str) -> list[str]:
    """Return who is in a consumer group."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})  # held until the answer is there
    return [member.member_id for member in admin.describe_consumer_groups([group])[group].result(30).members]


@contextmanager
def killed(server) -> Iterator[None]:
    """Kill a server, and start it again at the end of the block, whatever happens in it."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def inside_a_copy(stream: Stream, proxy: Proxy) -> Iterator[None]:
    """Enter the block while the server waits in the middle of a COPY of new events."""
    proxy.weather.delay_seconds = 0.3
    stream.produce(MANY)
    stream.service.until(stream.place.is_copying)
    yield
    proxy.weather.delay_seconds = 0.0
