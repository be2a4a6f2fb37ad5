"""Servers that die and come back under a running service: brokers and PostgreSQL servers that these tests own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient

from support import events
from support.asking import answered
from support.place import Place, on_duckdb, on_postgres
from support.proxy import Proxy, proxied
from support.service import wait_until
from support.stream import MANY, PARTITIONS, audited, inside_a_copy

pytestmark = pytest.mark.xdist_group("own servers")

# What is produced meanwhile is 120 MB in all. Of that the service may hold its budget, and what aiokafka fetches ahead.
BUDGET_BYTES = 4_000_000
MOST_MORE_BYTES = 48 * 1024 * 1024


@pytest.fixture
def kafka(own_kafka):
    """The broker that these tests kill, in the place of the one that all share."""
    return own_kafka.address


@pytest.fixture
def postgres_dsn(own_postgres) -> str:
    """The server that these tests kill, in the place of the one that all share."""
    return own_postgres.dsn


@pytest.fixture
def proxy(postgres_dsn) -> Iterator[Proxy]:
    with proxied(postgres_dsn) as proxy:
        yield proxy


@pytest.fixture
def place(kafka, topic, proxy, postgres_dsn, dataset) -> Place:
    direct = on_postgres(kafka.bootstrap, topic(partitions=PARTITIONS), postgres_dsn, dataset)
    return replace(direct, url=proxy.dsn(postgres_dsn))


def test_a_postgresql_that_is_killed_inside_a_copy_and_comes_back_finds_the_stream_waiting(
    place, proxy, own_postgres, postgres_dsn
):
    with audited(place, postgres_dsn) as stream:
        with inside_a_copy(stream, proxy), killed(own_postgres):
            pass
        stream.catch_up()


@pytest.mark.parametrize("seconds", [20, pytest.param(60, marks=pytest.mark.slow)])
def test_an_outage_is_sat_out_within_bounded_memory_and_without_a_reject(place, own_postgres, postgres_dsn, seconds):
    small = place.with_settings(batching__buffer_bytes=str(BUDGET_BYTES), batching__max_bytes=str(BUDGET_BYTES // 4))
    with audited(small, postgres_dsn) as stream:
        stream.produce_large()
        stream.catch_up()
        before = stream.peak_bytes
        with killed(own_postgres):
            for second in range(seconds):
                over = time.monotonic() + 1
                stream.produce_large(f"{second}-")
                wait_until(lambda over=over: time.monotonic() >= over)
            assert stream.service.process.poll() is None
        assert stream.peak_bytes - before < MOST_MORE_BYTES
        stream.catch_up()
        assert stream.peak_bytes - before < MOST_MORE_BYTES


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_a_broker_that_is_killed_and_comes_back_is_read_on(request, own_kafka, topic, dataset, tmp_path, kind):
    name = topic(partitions=PARTITIONS)
    if kind == "duckdb":
        place = on_duckdb(own_kafka.bootstrap, name, tmp_path / "wire.duckdb", dataset)
    else:
        place = on_postgres(own_kafka.bootstrap, name, request.getfixturevalue("postgres_dsn"), dataset)
    events.produce(place.bootstrap, name, events.orders(MANY, seed=1), partitions=PARTITIONS)
    reading = place.with_settings(kafka__max_partition_fetch_bytes="20000").running
    with reading("--until", "latest", failpoints="poll.after=stop@3") as service:
        service.until(lambda: service.stopped)
        with killed(own_kafka):
            service.send(signal.SIGCONT)
        assert service.wait() == 0, service.log[-3000:]
        assert service.fired
    place.judged()


def test_a_service_that_slept_while_the_broker_restarted_and_its_session_ended_goes_on(
    own_kafka, topic, dataset, postgres_dsn
):
    place = on_postgres(own_kafka.bootstrap, topic(partitions=PARTITIONS), postgres_dsn, dataset)
    events.produce(place.bootstrap, place.topic, events.orders(MANY, seed=1), partitions=PARTITIONS)
    reading = place.with_settings(kafka__max_partition_fetch_bytes="20000").running
    with reading("--until", "latest", failpoints="poll.after=stop@3") as service:
        service.until(lambda: service.stopped)
        with killed(own_kafka):
            pass
        wait_until(lambda: not members(place.bootstrap, group=place.dataset))
        service.send(signal.SIGCONT)
        assert service.wait() == 0, service.log[-3000:]
        assert "partitions lost" in service.log
    place.judged()


def members(bootstrap: str, group: str) -> list[str]:
    """Return who is in a consumer group."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})  # held until the answer is there
    described = answered(lambda: admin.describe_consumer_groups([group])[group].result(30))
    return [member.member_id for member in described.members]


@contextmanager
def killed(server) -> Iterator[None]:
    """Kill a server, and start it again at the end of the block, whatever happens in it."""
    server.kill()
    try:
        yield
    finally:
        server.start()
