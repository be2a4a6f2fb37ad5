"""A dataset that version 0.1 wrote goes on: its system tables get the columns that they lack."""

from __future__ import annotations

from pathlib import Path

import duckdb
import psycopg
import pytest

from checkpoints.testing import PIPELINE, A, step
from sinks import Batch, SinkOptions
from sinks.sql.duckdb import connect as connect_duckdb
from sinks.sql.postgres import connect as connect_postgres
from sinks.testing import claimed, opened, reject

pytestmark = pytest.mark.anyio
NEW = ("headers", "value_bytes", "value_sha256")
OPTIONS = {"pipeline": PIPELINE, "owner": "me"}


async def loaded_before_and_after(connect, age) -> None:
    async with opened(connect()) as sink:
        await sink.load(Batch(rejects=(reject(A, 0),)), step(await claimed(sink, 0), {A: 1}, load_id="old"))
    for column in NEW:
        age(f"alter table shop_old._hr_rejects drop column {column}")
    async with opened(connect()) as sink:
        claim = await claimed(sink, 1)
        await sink.load(Batch(rejects=(reject(A, 1),)), step(claim, {A: 1}, load_id="new"))
        assert await sink.is_committed("old")
        assert await sink.is_committed("new")


async def test_an_older_dataset_in_duckdb_gets_the_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"

    def age(statement: str) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)

    await loaded_before_and_after(
        lambda: connect_duckdb(f"duckdb:///{path}", SinkOptions(dataset="shop_old", **OPTIONS)), age
    )


async def test_an_older_dataset_in_postgres_gets_the_new_columns(postgres_dsn: str) -> None:
    def age(statement: str) -> None:
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    await loaded_before_and_after(
        lambda: connect_postgres(postgres_dsn, SinkOptions(dataset="shop_old", **OPTIONS)), age
    )
    age("drop schema shop_old cascade")
