"""What merging does to a PostgreSQL: nothing grows but the table, and nobody who reads has to wait."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from checkpoints.testing import PIPELINE
from sinks import SinkOptions
from sinks.sql.postgres import connect
from sinks.testing import data_step, grown
from sinks.testing.merges import UPSERT, Event, merge_batch, merging

pytestmark = pytest.mark.anyio

CATALOG = "select (select count(*) from pg_class), (select count(*) from pg_attribute), (select count(*) from pg_type)"


@pytest.fixture
def own_dsn(postgres_dsn: str, dataset: str) -> Iterator[str]:
    """A database in which nobody else makes tables."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(dataset)))
        yield urlunsplit(urlsplit(postgres_dsn)._replace(path=f"/{dataset}"))
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(dataset)))


async def test_the_catalog_does_not_grow_with_merges(own_dsn, dataset):
    sink = connect(own_dsn, SinkOptions(PIPELINE, dataset, "one"))
    await sink.open()
    schema = await grown(sink, *merging(UPSERT))
    sizes = []
    with psycopg.connect(own_dsn, autocommit=True) as reader:
        for number in range(60):
            batch = [Event(1, 3 * number, "a", ("x",)), Event(2, 3 * number + 1, "b"), Event(3, 0, delete=True)]
            await sink.load(merge_batch(schema, f"load-{number}", batch), data_step(f"load-{number}"))
            sizes.append(reader.execute(CATALOG).fetchone())
    await sink.aclose()
    assert sizes[1:] == sizes[:1] * 59


async def test_a_merge_that_is_not_committed_blocks_no_reader(postgres_dsn, dataset, monkeypatch):
    sink = connect(postgres_dsn, SinkOptions(PIPELINE, dataset, "one"))
    await sink.open()
    schema = await grown(sink, *merging(UPSERT))
    await sink.load(merge_batch(schema, "one", [Event(1, 0, "old")]), data_step("one"))
    read = []

    def reading(name: str, *_: object) -> None:
        if name == "load.after_copy":
            with psycopg.connect(postgres_dsn, options="-c lock_timeout=1s") as reader:
                read.extend(reader.execute(sql.SQL("select note from {}").format(sql.Identifier(dataset, "orders"))))

    monkeypatch.setattr("sinks.sql.transactions.failpoint", reading)
    await sink.load(merge_batch(schema, "two", [Event(1, 1, "new"), Event(2, 2, delete=True)]), data_step("two"))
    await sink.aclose()
    assert read == [("old",)]
