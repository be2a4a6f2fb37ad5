"""A real PostgreSQL, followed by a real Debezium, loaded by headrace: at the end the tables are the same."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from cdc import demo
from servers import connect, postgres
from support.service import headrace, running, wait_until

pytestmark = pytest.mark.slow  # Connect's jars, a JVM of its own, a snapshot: half a minute each

LAST = 999_999
TABLE = """
    create schema shop;
    create table shop.orders (
        id bigint primary key, customer text not null, total numeric(12, 2), day date, at timestamp, note text
    );
    insert into shop.orders select n, 'c' || n, n * 1.25, '2024-01-01', '2024-01-01 10:00', null
    from generate_series(1, 200) n;
"""


@pytest.fixture
def shop() -> Iterator[str]:
    """A database with logical decoding and a table of orders."""
    with postgres.owned() as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("alter system set wal_level = logical")
        server.restart()
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(TABLE)
        yield server.dsn


def work(dsn: str, seed: int) -> None:
    """Insert, update and delete orders, and give some of them another key."""
    chance = random.Random(seed)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number in range(400):
            id = chance.randrange(1, 260)
            match chance.randrange(5):
                case 0:
                    connection.execute("delete from shop.orders where id = %s", [id])
                case 1:
                    other = 1_000 + number
                    connection.execute("update shop.orders set id = %s where id = %s", [other, id])
                case 2:
                    connection.execute(
                        "insert into shop.orders values (%s, %s, %s, '2024-02-03', '2024-02-03 04:05:06.789', 'new')"
                        " on conflict do nothing",
                        [id, f"n{number}", number / 4],
                    )
                case _:
                    connection.execute("update shop.orders set total = total + 1, note = null where id = %s", [id])
        connection.execute("insert into shop.orders values (%s, 'the last', 0, null, null, null)", [LAST])


@pytest.mark.parametrize("with_schemas", [True, False])
def test_the_table_equals_that_of_the_database(kafka, shop: str, tmp_path: Path, with_schemas: bool) -> None:
    prefix = f"cdc{int(with_schemas)}p{urlsplit(shop).port}"
    file = tmp_path / "warehouse.duckdb"
    words = ("--brokers", kafka.bootstrap, "--topic", f"{prefix}.shop.orders", "--pipeline", "cdc", "--dataset", "shop")
    words = (*words, "--to", f"duckdb:///{file}")
    env = {
        "HEADRACE__TABLES__FORMAT": "debezium",
        "HEADRACE__TABLES__WRITE_DISPOSITION": "merge",
        "HEADRACE__TABLES__PRIMARY_KEY": "id",
        "HEADRACE__TABLES__HARD_DELETE": "_cdc_deleted",
        "HEADRACE__TABLES__NAME_TEMPLATE": "orders",
    }
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap})
    with connect.following(kafka.bootstrap, shop, schema="shop", prefix=prefix, with_schemas=with_schemas):
        wait_until(lambda: f"{prefix}.shop.orders" in topics.list_topics(timeout=5).topics)
        with running(*words, env=env, failpoints="commit.after_send=kill@2") as service:
            service.until(lambda: "schema changed" in service.log)
            work(shop, seed=7)
            assert service.wait() == -signal.SIGKILL  # in mid-commit
        wait_until(lambda: caught_up(words, env, file))
    columns = "id, customer, note, total, day, at" if with_schemas else "id, customer, note"
    assert rows(file, columns) == asked(shop, columns)


@pytest.mark.timeout(400)
def test_all_tables_are_equal_after_kills_of_headrace_connect_and_the_broker_and_altered_tables(tmp_path: Path) -> None:
    found = demo.play(800, tmp_path, seed=7)
    assert [each for each in found if not each.equal] == []


def caught_up(words: tuple[str, ...], env: dict[str, str], file: Path) -> bool:
    """Load what the topic holds now; return whether the last change of the workload was there."""
    done = headrace("run", *words, "--until", "latest", env=env)
    assert done.returncode == 0, done.stderr
    return bool(rows(file, "id", f"where id = {LAST}"))


def rows(file: Path, columns: str, where: str = "") -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as tables:
        tables.execute("set timezone = 'UTC'")
        wanted = columns.replace(", at", ', "at"::timestamp')
        return tables.execute(f"select {wanted} from shop.orders {where} order by id").fetchall()


def asked(dsn: str, columns: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"select {columns} from shop.orders order by id").fetchall()
