"""`headrace run` behind a real PgBouncer, in both of its pool modes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from servers import pgbouncer
from support import events
from support.destinations import postgres
from support.place import Place
from support.service import headrace

MODES = ("session", "transaction")


@pytest.fixture(scope="module", params=MODES)
def pooled(request: pytest.FixtureRequest, postgres_dsn: str) -> Iterator[str]:
    with pgbouncer.in_front_of(postgres_dsn, request.param) as url:
        yield url


@pytest.fixture
def place(kafka, pooled: str, postgres_dsn: str) -> Place:
    name = events.fresh_topic(kafka.bootstrap, "pooled", partitions=2)
    events.produce(kafka.bootstrap, name, events.orders(2_000, seed=3))
    return Place(kafka.bootstrap, name, pooled, f"pooled_{uuid.uuid4().hex[:8]}", postgres(postgres_dsn))


def test_every_event_lands_once_behind_a_pooler(place: Place) -> None:
    place.killed("commit.before_send=kill@2")
    place.finished()


def test_nothing_of_ours_stays_in_a_session_of_the_pool(place: Place, pooled: str) -> None:
    place.finished()
    told = headrace("status", *place.args, env=place.env)
    assert told.returncode == 0, told.stderr
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as connection:
        found = connection.execute("select current_setting('statement_timeout'), current_setting('search_path')")
        assert found.fetchone() == ("0", '"$user", public')


def test_a_startup_parameter_that_the_pooler_refuses_is_named_with_what_to_do(place: Place, pooled: str) -> None:
    to = f"{pooled}?options=-c%20work_mem%3D8MB"
    done = headrace("run", "--brokers", place.bootstrap, "--topic", place.topic, "--to", to, env={})
    assert (done.returncode, "unsupported startup parameter" in done.stderr) == (4, True), done.stderr
    assert "a pooler stands in between: take this parameter out of the URL" in done.stderr
