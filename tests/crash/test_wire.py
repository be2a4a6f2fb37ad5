"""What networks do to a running service: lost answers, cut connections, silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.place import Place, on_postgres
from support.proxy import Proxy, Weather, proxied
from support.stream import FEW, MANY, PARTITIONS, audited, inside_a_copy

IMPATIENT = {
    "destination__statement_timeout_seconds": "2",
    "destination__lock_timeout_seconds": "2",
    "destination__idle_in_transaction_seconds": "2",
    "destination__connect_timeout_seconds": "2",
}


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
