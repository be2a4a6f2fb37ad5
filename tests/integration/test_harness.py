"""The harness itself: a judge that cannot say no, or a fault that does not strike, would prove nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest

from servers.kafka import ForeignKafka, KafkaServer
from support.auditor import auditing
from support.destinations import duckdb_file
from support.events import orders, produce, stamp_of
from support.log import Log, read_log
from support.oracle import assert_exactly_once
from support.proxy import proxied

Topic = Callable[..., str]
Kafka = KafkaServer | ForeignKafka


@pytest.fixture
def loaded(kafka: Kafka, topic: Topic, tmp_path: Path) -> tuple[str, Path]:
    """A topic with a poison record and a tombstone, and a DuckDB file that holds what it should."""
    name = topic(partitions=2)
    produce(kafka.bootstrap, name, [*orders(50, seed=1, poison_every=20), None], partitions=2)
    path = tmp_path / "truth.duckdb"
    _load(path, name, kafka.bootstrap)
    return name, path


def test_the_oracle_accepts_what_is_whole(kafka: Kafka, loaded: tuple[str, Path]) -> None:
    topic, path = loaded
    log = assert_exactly_once(kafka.bootstrap, duckdb_file(path), "shop", {topic: "orders"})
    assert (len(log.stamps), log.tombstones) == (50, 1)


@pytest.mark.parametrize(
    "damage",
    [
        "delete from shop.orders where _kafka_partition = 0 and _kafka_offset = 3",
        "insert into shop.orders select * from shop.orders where _kafka_partition = 0 and _kafka_offset = 3",
        "update shop.orders set crc = crc + 1 where _kafka_partition = 0 and _kafka_offset = 3",
        "delete from shop._hr_rejects",
        "delete from shop.orders__items where _hr_root_id = '0-3'",
        "update shop._hr_loads set stop_offset = stop_offset - 1",
        "update shop._hr_offsets set next_offset = next_offset + 1",
        "update shop._hr_loads set skipped = 0",
    ],
)
def test_the_oracle_refuses(damage: str, kafka: Kafka, loaded: tuple[str, Path]) -> None:
    topic, path = loaded
    with duckdb.connect(str(path)) as connection:
        connection.execute(damage)
    with pytest.raises(AssertionError):
        assert_exactly_once(kafka.bootstrap, duckdb_file(path), "shop", {topic: "orders"})


def test_the_auditor_sees_a_row_that_came_before_its_position(postgres_dsn: str, dataset: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        _small_dataset(connection, dataset)
        with pytest.raises(AssertionError, match="1 of 0 records are visible"):
            _audit_a_torn_load(postgres_dsn, dataset, connection)


def test_the_auditor_is_content_with_whole_commits(postgres_dsn: str, dataset: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        _small_dataset(connection, dataset)
        with auditing(postgres_dsn, dataset, {"orders": "orders"}) as auditor:
            for offset in range(20):
                with connection.transaction():
                    connection.execute(f"insert into {dataset}.orders values (0, {offset})".encode())
                    connection.execute(f"update {dataset}._hr_offsets set next_offset = {offset + 1}".encode())
            auditor.wait_for(2)


@pytest.mark.parametrize(("fault", "rows"), [("lose_commit", 0), ("lose_commit_answer", 1)])
def test_a_commit_is_lost_on_its_way_or_on_the_way_back(fault: str, rows: int, postgres_dsn: str, dataset: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as direct, proxied(postgres_dsn) as proxy:
        direct.execute(f"create table {dataset} (id int)".encode())
        with psycopg.connect(proxy.dsn(postgres_dsn)) as connection:
            connection.execute(f"insert into {dataset} values (1)".encode())
            setattr(proxy.weather, fault, True)
            with pytest.raises(psycopg.OperationalError):
                connection.commit()
        assert proxy.weather.fired.is_set()
        assert direct.execute(f"select count(*) from {dataset}".encode()).fetchone() == (rows,)


def test_a_connection_is_cut_inside_copy(postgres_dsn: str, dataset: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as direct, proxied(postgres_dsn) as proxy:
        direct.execute(f"create table {dataset} (note text)".encode())
        proxy.weather.cut_after_bytes = 100_000
        with pytest.raises(psycopg.OperationalError):
            _copy_a_million_bytes(proxy.dsn(postgres_dsn), dataset)
        assert proxy.weather.fired.is_set()
        assert direct.execute(f"select count(*) from {dataset}".encode()).fetchone() == (0,)


def _audit_a_torn_load(dsn: str, dataset: str, connection: psycopg.Connection) -> None:
    with auditing(dsn, dataset, {"orders": "orders"}) as auditor:
        auditor.wait_for(2)
        connection.execute(f"insert into {dataset}.orders values (0, 0)".encode())
        auditor.wait_for(2)


def _copy_a_million_bytes(dsn: str, table: str) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor().copy(f"copy {table} from stdin".encode()) as copy:
        for _ in range(100):
            copy.write(b"x" * 10_000 + b"\n")


def _small_dataset(connection: psycopg.Connection, dataset: str) -> None:
    for statement in (
        f"create schema {dataset}",
        f"create table {dataset}.orders (_kafka_partition int, _kafka_offset bigint)",
        f'create table {dataset}._hr_rejects (topic text, "partition" int, "offset" bigint)',
        f'create table {dataset}._hr_offsets (topic text, "partition" int, next_offset bigint)',
        f"insert into {dataset}._hr_offsets values ('orders', 0, 0)",
    ):
        connection.execute(statement.encode())


def _load(path: Path, topic: str, bootstrap: str) -> None:
    """Write what headrace should write, by hand."""
    log, values = read_log(bootstrap, [topic]), {}
    for value in orders(50, seed=1, poison_every=20):
        values[stamp_of(value)] = value
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """
            create schema shop; use shop;
            create table orders (_hr_id text, _kafka_partition int, _kafka_offset bigint, uid text, crc bigint);
            create table orders__items (_hr_root_id text);
            create table _hr_rejects (topic text, "partition" int, "offset" bigint, "value" blob);
            create table _hr_offsets (topic text, "partition" int, next_offset bigint);
            create table _hr_loads (topic text, "partition" int, start_offset bigint, stop_offset bigint, epoch bigint,
                records bigint, "rows" bigint, rejected bigint, skipped bigint, holes bigint, lost bool);
            """
        )
        for place, stamp in log.stamps.items():
            if stamp.uid is None:
                reject = (topic, place.partition, place.offset, values[stamp])
                connection.execute("insert into _hr_rejects values (?, ?, ?, ?)", reject)
                continue
            row_id = f"{place.partition}-{place.offset}"
            row = (row_id, place.partition, place.offset, stamp.uid, stamp.crc)
            connection.execute("insert into orders values (?, ?, ?, ?, ?)", row)
            for _ in range(len(json.loads(values[stamp])["items"])):
                connection.execute("insert into orders__items values (?)", [row_id])
        for partition in (0, 1):
            _account(connection, log, topic, partition)


def _account(connection: duckdb.DuckDBPyConnection, log: Log, topic: str, partition: int) -> None:
    stamps = [stamp for place, stamp in log.records.items() if place.partition == partition]
    skipped = sum(stamp is None for stamp in stamps)
    rejected = sum(stamp is not None and stamp.uid is None for stamp in stamps)
    count = len(stamps)
    ledger = (topic, partition, 0, count, 1, count, count - rejected - skipped, rejected, skipped, 0, False)
    connection.execute("insert into _hr_loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ledger)
    connection.execute("insert into _hr_offsets values (?, ?, ?)", (topic, partition, count))
