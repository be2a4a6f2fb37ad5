"""`headrace verify` of tables that merge: silent where each row is its key's newest event, and not where it is not."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer

from stream.cli.outside import asked, loaded
from stream.cli.verify import check
from stream.operate.verify import Question
from support import events
from support.place import Place, on_postgres
from support.service import headrace

KEYS, EVENTS = 150, 1_200


def history() -> Iterator[tuple[int, Any]]:
    """Yield updates of some keys: a tenth deletes, some poison, some by a field."""
    chance = random.Random(11)
    for number in range(EVENTS):
        key = chance.randrange(KEYS)
        kind = chance.random()
        items = [{"sku": number + n} for n in range(chance.randrange(4))]
        if kind < 0.08:
            yield key, None
        elif kind < 0.1:
            yield key, {"id": None}  # no key: a reject
        else:
            yield key, {"id": key, "n": number, "items": items, "gone": kind > 0.95}


@pytest.fixture(scope="module", params=["hard", pytest.param("soft", marks=pytest.mark.slow)])
def place(request, kafka, postgres_dsn: str) -> Iterator[Place]:
    name = events.fresh_topic(kafka.bootstrap, f"verify-{request.param}", partitions=2)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "log_level": 0})
    for key, value in history():
        text = None if value is None else json.dumps(value).encode()
        producer.produce(name, text, str(key).encode(), partition=key % 2)
    assert producer.flush(30) == 0
    made = on_postgres(kafka.bootstrap, name, postgres_dsn, f"merged_{request.param}_{os.getpid()}").with_settings(
        tables__write_disposition="merge",
        tables__primary_key="id",
        tables__hard_delete="gone",
        tables__soft_delete="gone_at" if request.param == "soft" else "",
    )
    with made.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    yield made
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'drop schema "{made.dataset}" cascade'.encode())


def verified(place: Place, *, deep: bool = True, sample: float = 1.0) -> dict:
    """Return the report, made in this process."""
    with pytest.MonkeyPatch.context() as environ:
        for name, value in place.env.items():
            environ.setenv(name, value)
        given = {"kafka.brokers": place.bootstrap, "destination.url": place.url, "destination.dataset": place.dataset}
        config = loaded(None, given, [place.topic])
        report = asked(config, lambda outside: check(outside, Question(deep=deep, sample=sample)))
        return json.loads(json.dumps(report.as_json()))


@contextmanager
def planted(place: Place, *plant: str) -> Iterator[None]:
    """Have these statements run on a dataset, and the tables put back at the end."""
    names = ("orders", "orders__items", "_hr_deleted_orders", "_hr_rejects")
    with psycopg.connect(place.url, autocommit=True) as connection:

        def run(sql: str) -> None:
            connection.execute(sql.encode())

        run(f'set search_path to "{place.dataset}"')
        for name in names:
            run(f"create temporary table kept_{name} as table {name}")
        for sql in plant:
            run(sql)
        try:
            yield
        finally:
            for name in names:
                run(f"truncate {name}")
                run(f"insert into {name} table pg_temp.kept_{name}")


def test_nothing_is_found_where_each_row_is_the_newest_event_of_its_key(place: Place) -> None:
    report = verified(place)
    assert (report["findings"], report["topics"][0]["notes"]) == ([], [])
    assert sum(p["rejects"] for p in report["topics"][0]["partitions"]) > 0
    assert verified(place, sample=0.3)["findings"] == []
    assert verified(place, deep=False)["findings"] == []


VICTIM = (
    "(select min(id) from orders where _kafka_offset > 100 and _hr_id in (select _hr_root_id from orders__items) "
    "and _hr_id not in (select _hr_id from _hr_deleted_orders))"
)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (f"delete from orders where id = {VICTIM}", "missing"),
        (f"update orders set _kafka_offset = _kafka_offset - 1 where id = {VICTIM}", "not_newest"),
        (f"update orders set n = n + 1 where id = {VICTIM}", "altered"),
        (f"update orders set _kafka_offset = 100000 where id = {VICTIM}", "beyond_position"),
        ("insert into orders (_hr_id, _hr_load_id, _kafka_partition, _kafka_offset, _kafka_timestamp, id) select "
         "'9999', _hr_load_id, _kafka_partition, _kafka_offset, _kafka_timestamp, 9999 from orders limit 1",
         "stranger"),
        ("insert into orders__items select (jsonb_populate_record(i, jsonb_build_object('_hr_id', _hr_id || '-x', "
         f"'_hr_list_idx', 99))).* from orders__items i where _hr_root_id = {VICTIM}::text limit 1", "child_stranger"),
        ("insert into _hr_deleted_orders (_hr_id, _kafka_partition, _kafka_offset, _kafka_timestamp, _hr_deleted_at) "
         f"select _hr_id, _kafka_partition, _kafka_offset + 1, now(), now() from orders where id = {VICTIM}",
         "undeleted"),
        ("delete from _hr_rejects where ctid = (select min(ctid) from _hr_rejects)", "missing"),
    ],
)  # fmt: skip
def test_what_is_planted_in_a_merged_table_is_found(place: Place, plant: str, kind: str) -> None:
    with planted(place, plant):
        assert kind in {finding["kind"] for finding in verified(place)["findings"]}


def test_a_replayed_reject_is_merged_as_any_event(kafka, postgres_dsn: str, dataset: str) -> None:
    name = events.fresh_topic(kafka.bootstrap, "replay-merged", partitions=1)
    deep = {"id": 1, "n": 2, "a": {"b": {"c": 1}}}
    events.produce(kafka.bootstrap, name, [json.dumps(v).encode() for v in ({"id": 1, "n": 1}, deep, {"id": 2})])
    place = on_postgres(kafka.bootstrap, name, postgres_dsn, dataset).with_settings(
        tables__write_disposition="merge", tables__primary_key="id", limits__max_depth="2"
    )
    with place.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    assert place.query(f'select id, n from "{dataset}".orders order by id') == [(1, 1), (2, None)]
    mild = place.with_settings(limits__max_depth="64")
    done = headrace("rejects", "replay", "--yes", *place.args[4:], env=mild.env)
    assert done.returncode == 0, done.stderr
    assert place.query(f'select id, n from "{dataset}".orders order by id') == [(1, 2), (2, None)]
    assert verified(mild)["findings"] == []
