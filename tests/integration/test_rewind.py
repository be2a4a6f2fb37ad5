"""`headrace rewind` of tables that merge, of one table of several, and of a topic that was deleted and made anew."""

from __future__ import annotations

import json
from typing import Any

from confluent_kafka import Producer

from support import events
from support.place import Place, on_postgres
from support.service import headrace


def produced(bootstrap: str, topic: str, history: list[tuple[int, Any]]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 0})
    for key, value in history:
        producer.produce(topic, None if value is None else json.dumps(value).encode(), str(key).encode(), partition=0)
    assert producer.flush(30) == 0


def told(place: Place, *words: str, code: int = 0) -> dict:
    done = headrace(*words, *place.args, "--json", env=place.env)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def steered(place: Place, word: str) -> None:
    done = headrace(word, *place.args[4:], env=place.env)
    assert done.returncode == 0, done.stderr


def held(place: Place) -> list[tuple[Any, ...]]:
    rows = f'select id, n, gone_at is not null from "{place.dataset}".orders order by id'
    items = f'select _hr_root_id, sku from "{place.dataset}".orders__items order by 1, 2'
    return [*place.query(rows), *place.query(items)]


def test_a_rewound_merge_is_loaded_again_to_the_same_rows_by_a_running_service(kafka, postgres_dsn, dataset):
    name = events.fresh_topic(kafka.bootstrap, "rewind-merged", partitions=1)
    first = [(key, {"id": key, "n": key, "items": [{"sku": key}]}) for key in range(40)]
    later = [(key, {"id": key, "n": 100 + key, "items": []}) for key in range(0, 30, 3)]
    produced(kafka.bootstrap, name, [*first, *later, (1, None), (2, None), (90, {"id": 90, "n": 1}), (90, None)])
    place = on_postgres(kafka.bootstrap, name, postgres_dsn, dataset).with_settings(
        tables__write_disposition="merge", tables__primary_key="id", tables__soft_delete="gone_at"
    )
    with place.running() as life:
        place.until_caught_up(life)
        before = held(place)
        steered(place, "pause")
        life.until(lambda: "paused" in life.log)
        done = told(place, "rewind", "--table", "orders", "--to-offset", "45", "--yes")
        assert (done["done"], done["partitions"][0]["to"]) == (True, 45)
        report = told(place, "verify", "--deep")
        assert report["findings"] == []
        assert "not loaded yet" in report["topics"][0]["notes"][0]
        steered(place, "resume")
        place.until_caught_up(life)
        life.drain()
    assert held(place) == before
    assert told(place, "verify", "--deep")["findings"] == []


def test_a_table_that_no_topic_fills_is_refused_by_name(kafka, postgres_dsn, dataset):
    name = events.fresh_topic(kafka.bootstrap, "rewind-table", partitions=1)
    produced(kafka.bootstrap, name, [(1, {"id": 1, "items": [{"sku": 1}]})])
    place = on_postgres(kafka.bootstrap, name, postgres_dsn, dataset)
    with place.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    done = headrace("rewind", "--table", "orders__items", "--to-beginning", *place.args, env=place.env)
    assert (done.returncode, "name root tables" in done.stderr, "orders" in done.stderr) == (2, True, True)
