"""The harness itself: a judge that cannot say no, or a fault that does not strike, would prove nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import psycopg
import pytest

from servers.kafka import KafkaAddress
from support.auditor import auditing
from support.destinations import duckdb_file
from support.events import fresh_topic, orders, produce, stamp_of
from support.log import Log, read_log
from support.oracle import assert_exactly_once
from support.proxy import proxied


@pytest.fixture(scope="module")
def truth(kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A topic with poison and a tombstone, and a DuckDB file that holds what it should."""
    name = fresh_topic(kafka.bootstrap, "truth", partitions=2)
    produce(kafka.bootstrap, name, [*orders(50, seed=1, poison_every=20), None], partitions=2)
    path = tmp_path_factory.mktemp("truth") / "truth.duckdb"
    _load(path, name, kafka.bootstrap)
    return name, path


@pytest.fixture
def loaded(truth: tuple[str, Path], tmp_path: Path) -> tuple[str, Path]:
    """The same, with a file to be damaged."""
    name, path = truth
    return name, Path(shutil.copy(path, tmp_path))


def test_the_oracle_accepts_what_is_whole(kafka: KafkaAddress, loaded: tuple[str, Path]) -> None:
    topic, path = loaded
    log = assert_exactly_once(kafka.bootstrap, duckdb_file(path), "shop", {topic: "orders"})
    assert (len(log.stamps), log.tombstones) == (50, 1)


@pytest.mark.parametrize(
    "damage",
    [
        "delete from orders where _hr_id = '0-3'; delete from orders__items where _hr_root_id = '0-3'",
        "insert into orders select * from orders where _hr_id = '0-3'",
        "insert into orders select * replace ('again' as _hr_id) from orders where _hr_id = '0-3'",
        "update orders set crc = crc + 1 where _hr_id = '0-3'",
        "update orders set status = null where _hr_id = '0-3'",
        "update orders set sequence = 26 - sequence where _kafka_partition = 0",
        "update orders set placed_at = placed_at + interval 1 millisecond where _hr_id = '0-3'",
        "delete from orders__items where _hr_root_id = '0-3'",
        "update orders__items set _hr_list_idx = _hr_list_idx + 1 where _hr_root_id = '0-3'",
        "update orders__items set _hr_parent_id = '0-4' where _hr_parent_id = '0-3'",
        "update orders__items set _hr_root_id = '0-4' where _hr_root_id = '0-3'",
        "insert into orders__items select * from orders__items where _hr_root_id = '0-3'",
        "update orders__items set price = price + 0.01 where _hr_root_id = '0-3'",
        "delete from _hr_rejects",
        "insert into _hr_rejects select * from _hr_rejects",
        """insert into _hr_rejects select topic, 0, 3, aborted from _hr_loads, example where "partition" = 0 limit 1;
           delete from orders where _hr_id = '0-3'; delete from orders__items where _hr_root_id = '0-3'""",
        "update _hr_loads set stop_offset = stop_offset - 1, holes = holes - 1 where start_offset = 0",
        "update _hr_loads set epoch = 0 where start_offset > 0",
        "update _hr_loads set holes = 1",
        'update _hr_loads set "rows" = "rows" + 1',
        "update _hr_loads set skipped = 0, records = records - skipped",
        'update _hr_loads set rejected = 0, "rows" = "rows" + rejected',
        "update _hr_offsets set next_offset = next_offset + 1",
    ],
)
def test_the_oracle_refuses(damage: str, kafka: KafkaAddress, loaded: tuple[str, Path]) -> None:
    topic, path = loaded
    with duckdb.connect(str(path)) as connection:
        connection.execute("use shop")
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
    log = read_log(bootstrap, [topic])
    values = {stamp_of(value): value for value in orders(50, seed=1, poison_every=20)}
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """
            create schema shop; use shop;
            create table orders (_hr_id text, _kafka_partition int, _kafka_offset bigint, uid text, sequence bigint,
                placed_at timestamptz, status text, customer__id bigint, customer__name text,
                customer__address__city text, customer__address__zip text, quantity bigint, crc bigint);
            create table orders__items (_hr_id text, _hr_parent_id text, _hr_root_id text, _hr_list_idx bigint,
                sku text, price double, quantity bigint);
            create table _hr_rejects (topic text, "partition" int, "offset" bigint, "value" blob);
            create table _hr_offsets (topic text, "partition" int, next_offset bigint);
            create table _hr_loads (topic text, "partition" int, start_offset bigint, stop_offset bigint, epoch bigint,
                records bigint, "rows" bigint, rejected bigint, skipped bigint, holes bigint, lost bool);
            create table example (aborted blob);
            """
        )
        for place, stamp in log.stamps.items():
            row_id = f"{place.partition}-{place.offset}"
            if row_id == "0-3":
                _insert(connection, "example", (values[stamp],))
            if stamp.uid is None:
                _insert(connection, "_hr_rejects", (topic, place.partition, place.offset, values[stamp]))
                continue
            order = stamp.document
            customer, address = order["customer"], order["customer"]["address"]
            head = (row_id, place.partition, place.offset, stamp.uid, order["sequence"], order["placedAt"])
            names = (customer["id"], customer["name"], address["city"], address["zip"])
            _insert(connection, "orders", (*head, order["status"], *names, order["quantity"], stamp.crc))
            for index, item in enumerate(order["items"]):
                _insert(connection, "orders__items", (f"{row_id}-{index}", row_id, row_id, index, *item.values()))
        for partition in (0, 1):
            _account(connection, log, topic, partition)


def _account(connection: duckdb.DuckDBPyConnection, log: Log, topic: str, partition: int) -> None:
    """Write the ledger of two loads, and the position after them."""
    stamps = [stamp for place, stamp in log.records.items() if place.partition == partition]
    for epoch, start, stop in ((1, 0, 10), (2, 10, len(stamps))):
        part = stamps[start:stop]
        skipped = sum(stamp is None for stamp in part)
        rejected = sum(stamp is not None and stamp.uid is None for stamp in part)
        counts = (len(part), len(part) - rejected - skipped, rejected, skipped, 0)
        _insert(connection, "_hr_loads", (topic, partition, start, stop, epoch, *counts, False))
    _insert(connection, "_hr_offsets", (topic, partition, len(stamps)))


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: tuple[object, ...]) -> None:
    connection.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
