"""`headrace verify` finds what is planted, and is silent on all that has a reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer

from checkpoints import OffsetRange
from stream.cli.outside import asked, loaded
from stream.cli.verify import check
from stream.config.models import Kafka
from stream.operate.verify import Question
from stream.source.log_reader import reading
from support import events
from support.place import Place, on_duckdb, on_postgres
from support.service import headrace

ORDERS = 1_500


@pytest.fixture(scope="module")
def place(kafka, postgres_dsn: str) -> Iterator[Place]:
    """Orders in two partitions with poison, tombstones, and transactions of which one was aborted; all loaded."""
    name = events.fresh_topic(kafka.bootstrap, "verify", partitions=2)
    orders = list(events.orders(ORDERS, seed=5, poison_every=100))
    events.produce(kafka.bootstrap, name, [*orders[:500], None, None, None, b"null"], partitions=2)
    transactions(kafka.bootstrap, name, orders[500:])
    made = on_postgres(kafka.bootstrap, name, postgres_dsn, f"verify_{os.getpid()}")
    with made.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    yield made
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'drop schema "{made.dataset}" cascade'.encode())


def transactions(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(30)
    for number in range(0, len(values), 200):
        producer.begin_transaction()
        events.send(producer, topic, values[number : number + 200], partitions=2)
        producer.commit_transaction(30)
        producer.begin_transaction()
        events.send(producer, topic, [b'{"aborted": true}'], partitions=2)
        producer.abort_transaction(30)


def verified(place: Place, *, deep: bool = False, since: datetime | None = None) -> dict:
    """Return the report, made in this process."""
    with pytest.MonkeyPatch.context() as environ:
        for name, value in place.env.items():
            environ.setenv(name, value)
        given = {"kafka.brokers": place.bootstrap, "destination.url": place.url, "destination.dataset": place.dataset}
        config = loaded(None, given, [place.topic])
        report = asked(config, lambda outside: check(outside, Question(since=since, deep=deep)))
        return json.loads(json.dumps(report.as_json()))


def kinds(report: dict) -> set[str]:
    return {finding["kind"] for finding in report["findings"]}


@contextmanager
def planted(place: Place, *plant: str) -> Iterator[None]:
    """Have these statements run on a dataset, and all its tables put back at the end."""
    dataset, kept = place.dataset, f"kept_{place.dataset}"  # other workers keep theirs
    with psycopg.connect(place.url, autocommit=True) as connection:

        def run(sql: str) -> None:
            connection.execute(sql.encode())

        names = [name for (name,) in place.query(
            f"select table_name from information_schema.tables where table_schema = '{dataset}'"
        )]  # fmt: skip
        run(f'drop schema if exists "{kept}" cascade')
        run(f'create schema "{kept}"')
        for name in names:
            run(f'create table "{kept}"."{name}" as table "{dataset}"."{name}"')
        run(f'set search_path to "{dataset}"')
        for sql in plant:
            run(sql)
        try:
            yield
        finally:
            for name in names:
                run(f'truncate "{dataset}"."{name}"')
                run(f'insert into "{dataset}"."{name}" table "{kept}"."{name}"')
            run(f'drop schema "{kept}" cascade')


def test_nothing_is_found_where_all_is_well(place: Place) -> None:
    report = verified(place, deep=True)
    assert report["findings"] == []
    partitions = report["topics"][0]["partitions"]
    assert sum(p["rejects"] for p in partitions) == ORDERS // 100
    assert sum(p["skipped"] for p in partitions) == 4
    assert all(p["holes"] > 0 for p in partitions)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        ("delete from orders where _kafka_partition = 1 and _kafka_offset = 200", "missing"),
        ("delete from _hr_rejects where ctid = (select min(ctid) from _hr_rejects)", "missing"),
        ("insert into orders select * from orders where _kafka_partition = 0 and _kafka_offset = 100", "twice"),
        ("delete from orders__items where ctid = (select min(ctid) from orders__items where _hr_list_idx = 0 and "
         "_hr_parent_id in (select _hr_parent_id from orders__items where _hr_list_idx = 1))", "child_lost"),
        ("delete from orders__items where ctid = (select max(ctid) from orders__items)", "child_lost"),
        ("update _hr_offsets set next_offset = next_offset - 10 where partition = 0", "position"),
        ("update _hr_offsets set next_offset = next_offset + 10 where partition = 0", "position"),
        ("update orders set _kafka_offset = 100000 where _kafka_partition = 0 and _kafka_offset = 7",
         "beyond_position"),
        ("update orders set sequence = sequence + 1 where _kafka_partition = 0 and _kafka_offset = 7", "altered"),
        ("update orders set customer__name = null where _kafka_partition = 1 and _kafka_offset = 9", "altered"),
        ("update orders__items set price = price + 1 where ctid = (select min(ctid) from orders__items)", "altered"),
        ("update _hr_loads set start_offset = start_offset + 1, records = records - 1, rows = rows - 1 "
         "where start_offset > 0 and partition = 0", "ledger"),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(place: Place, plant: str, kind: str) -> None:
    with planted(place, plant):
        assert kind in kinds(verified(place, deep=True))


def test_a_hole_without_a_reason_is_found(place: Place) -> None:
    with planted(
        place,
        "delete from orders where _kafka_partition = 0 and _kafka_offset = 20",
        "update _hr_loads set records = records - 1, rows = rows - 1, holes = holes + 1 "
        "where partition = 0 and start_offset <= 20 and stop_offset > 20",
    ):
        report = verified(place)
    (hole,) = (finding for finding in report["findings"] if finding["kind"] == "unexplained_hole")
    assert hole["examples"] == [20]


def test_the_command_says_by_its_exit_code_whether_something_was_found(place: Place) -> None:
    done = headrace("verify", *place.args, "--json", env=place.env)
    assert (done.returncode, json.loads(done.stdout)["holds"]) == (0, True), done.stderr
    with planted(place, "delete from orders where _kafka_partition = 1 and _kafka_offset = 200"):
        done = headrace("verify", *place.args, env=place.env)
    assert (done.returncode, "MISSING" in done.stdout) == (1, True), done.stderr


def test_the_offsets_of_what_is_missing_are_told(place: Place) -> None:
    with planted(place, "delete from orders where _kafka_partition = 1 and _kafka_offset in (201, 203)"):
        report = verified(place)
    (finding,) = (finding for finding in report["findings"] if finding["kind"] == "missing")
    assert (finding["kind"], finding["partition"], finding["records"]) == ("missing", 1, 2)
    assert finding["examples"] == [201, 203]


def test_a_deleted_row_beside_a_doubled_one_is_found(place: Place) -> None:
    with planted(
        place,
        "delete from orders where _kafka_partition = 0 and _kafka_offset = 20",
        "insert into orders select * from orders where _kafka_partition = 0 and _kafka_offset = 21",
    ):
        assert kinds(verified(place)) >= {"missing", "twice"}


def test_a_folded_ledger_is_no_finding(place: Place) -> None:
    folded = (
        "insert into _hr_loads select min(load_id) || '-folded', pipeline, topic, partition, min(start_offset), "
        "max(stop_offset), sum(records), sum(rows), sum(rejected), sum(skipped), sum(holes), false, 'loaded', "
        "max(schema_version), max(epoch), max(owner), max(committed_at) from _hr_loads group by pipeline, topic, "
        "partition"
    )
    with planted(place, folded, "delete from _hr_loads where load_id not like '%-folded'"):
        assert verified(place)["findings"] == []


def test_since_leaves_out_what_is_older(place: Place) -> None:
    report = verified(place, since=datetime(2100, 1, 1, tzinfo=UTC))
    assert report["findings"] == []
    assert sum(p["rows"] for p in report["topics"][0]["partitions"]) < ORDERS


def test_a_compacted_topic_is_no_finding(kafka, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic(config={"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"})
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    where = on_duckdb(kafka.bootstrap, name, tmp_path / "compact.duckdb", "shop")
    for value in events.orders(200, seed=1):
        producer.produce(name, value, key=b"same")
    producer.flush(30)
    with where.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    assert verified(where)["findings"] == []


@pytest.mark.anyio
async def test_headers_of_batches_tell_the_offsets_that_are_delivered(place: Place) -> None:
    async with reading(Kafka(brokers=place.bootstrap)) as reader:
        for partition, log in (await reader.bounds(await reader.partitions(place.topic))).items():
            whole = OffsetRange(partition, log.start, log.end)
            for part in (whole, OffsetRange(partition, log.start + 37, log.end - 41)):
                told = [offset async for _, runs in reader.offset_runs(part) for run in runs for offset in run]
                assert told == [offset async for some in reader.records(part) for offset in some.offsets]
