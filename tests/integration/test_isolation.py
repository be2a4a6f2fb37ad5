"""A table of a real PostgreSQL that cannot take rows: what a user sees, and that mending the table is enough."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from servers.process import free_port
from support import events
from support.destinations import Query, postgres
from support.service import Service, fetch, running, wait_until

MENDED = {
    "a right that was revoked": (
        'revoke insert on "{0}".hurt from "{0}"',
        'grant insert on "{0}".hurt to "{0}"',
    ),
    "a constraint": (
        'alter table "{0}".hurt add constraint never check (sequence < 0) not valid',
        'alter table "{0}".hurt drop constraint never',
    ),
    "a trigger of somebody else's": (
        "create function \"{0}\".never() returns trigger language plpgsql as $$begin raise 'no way'; end$$; "
        'create trigger picky before insert on "{0}".hurt for each row execute function "{0}".never()',
        'drop trigger picky on "{0}".hurt',
    ),
}


def execute(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statements.encode())


@contextmanager
def service(bootstrap: str, url: str, dataset: str, topics: dict[str, str], address: str) -> Iterator[Service]:
    env = {
        "HEADRACE__TOPICS": json.dumps({topic: {"table": table} for table, topic in topics.items()}),
        "HEADRACE__RETRY__BLOCKED_WAIT_SECONDS": "0.5",
        "HEADRACE__PIPELINE": dataset,
    }
    names = [word for topic in topics.values() for word in ("--topic", topic)]
    with running("--brokers", bootstrap, *names, "--to", url, "--dataset", dataset, "--http", address, env=env) as life:
        yield life


def count(query: Query, dataset: str, table: str) -> int:
    return int(query(f'select count(*) from "{dataset}"."{table}"')[0][0])


@pytest.mark.parametrize(
    ("harm", "mend"),
    [pytest.param(*each, id=name, marks=() if "right" in name else pytest.mark.slow) for name, each in MENDED.items()],
)
def test_the_topic_of_a_table_that_cannot_take_rows_is_paused_until_the_table_is_mended(
    kafka, topic, postgres_dsn, dataset, harm, mend
):
    topics, address = {"well": topic("well"), "hurt": topic("hurt")}, f"127.0.0.1:{free_port()}"
    execute(
        postgres_dsn, f"create role \"{dataset}\" login password 'x'; create schema {dataset} authorization {dataset}"
    )
    parts = urlsplit(postgres_dsn)
    url = urlunsplit(parts._replace(netloc=f"{dataset}:x@{parts.hostname}:{parts.port}"))
    query = postgres(postgres_dsn)

    def produce(seed: int) -> None:
        for name in topics.values():
            events.produce(kafka.bootstrap, name, events.orders(200, seed=seed))

    with service(kafka.bootstrap, url, dataset, topics, address) as life:
        produce(1)
        life.until(lambda: "hurt" in life.log and _loaded(query, dataset, 200))
        execute(postgres_dsn, harm.format(dataset))
        produce(2)
        life.until(lambda: "topic paused" in life.log and count(query, dataset, "well") == 400)
        (paused,) = json.loads(fetch(f"http://{address}/status"))["paused_topics"]
        assert paused["topic"] == topics["hurt"]
        assert f'topic_paused{{pipeline="{dataset}",topic="{topics["hurt"]}"}} 1.0' in fetch(
            f"http://{address}/metrics"
        )
        execute(postgres_dsn, mend.format(dataset))
        life.until(lambda: "topic resumed" in life.log)
        wait_until(lambda: count(query, dataset, "hurt") + count(query, dataset, "_hr_rejects") == 400)
        assert count(query, dataset, "_hr_rejects") < 100
        assert life.log.count("topic paused") == 1
        life.drain()


def _loaded(query: Query, dataset: str, rows: int) -> bool:
    try:
        return count(query, dataset, "well") == count(query, dataset, "hurt") == rows
    except psycopg.errors.UndefinedTable:
        return False
