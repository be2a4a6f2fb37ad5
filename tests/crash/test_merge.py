"""SIGKILL while a topic merges: at each instant the table is what the events below the stored position say."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from support import events
from support.destinations import tables
from support.place import TABLE, Place, on_duckdb, on_postgres

PARTITIONS, EVENTS, KEYS = 3, 3_000, 200
Told = dict[int, list[tuple[int, dict[str, Any] | None]]]
"""By partition, in order: the key and the value of each record."""

FAILPOINTS = ("schema.after_ddl_before_data=kill@1", "load.after_copy=kill@2", "commit.after_send=kill@2")


def history() -> Told:
    """Return updates of some keys, each in the partition of its key, one in ten of them a delete."""
    chance = random.Random(3)
    told: Told = {number: [] for number in range(PARTITIONS)}
    for number in range(EVENTS):
        key = chance.randrange(KEYS)
        items = [{"sku": number + n} for n in range(chance.randrange(3))]
        value = None if chance.random() < 0.1 else {"id": key, "n": number, "items": items}
        told[key % PARTITIONS].append((key, value))
    return told


@pytest.fixture(scope="module")
def backlog(kafka) -> tuple[str, str, Told]:
    """A topic with the history, which all runs of this module read."""
    name = events.fresh_topic(kafka.bootstrap, "merge", partitions=PARTITIONS)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "log_level": 0})
    told = history()
    for partition, records in told.items():
        for key, value in records:
            text = None if value is None else json.dumps(value).encode()
            producer.produce(name, text, str(key).encode(), partition=partition)
    assert producer.flush(30) == 0
    return kafka.bootstrap, name, told


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request, backlog, dataset, tmp_path: Path) -> Place:
    bootstrap, topic, _ = backlog
    if request.param == "duckdb":
        place = on_duckdb(bootstrap, topic, tmp_path / "crash.duckdb", dataset)
    else:
        place = on_postgres(bootstrap, topic, request.getfixturevalue("postgres_dsn"), dataset)
    return place.with_settings(batching__max_rows="300", tables__write_disposition="merge", tables__primary_key="id")


def expected(told: Told, position: Mapping[int, int]) -> dict[int, tuple[int, list[int]]]:
    """Return what the table must hold at a position: of each key the number, and the items."""
    state: dict[int, tuple[int, list[int]]] = {}
    for partition, records in told.items():
        for key, value in records[: position.get(partition, 0)]:
            state.pop(key, None)
            if value is not None:
                state[key] = value["n"], [item["sku"] for item in value["items"]]
    return state


def held(place: Place) -> dict[int, tuple[int, list[int]]]:
    """Return what the tables hold; fail where a key is there twice, or an item has no row."""
    if TABLE not in tables(place.query, place.dataset):
        return {}
    rows = place.query(f'select id, n, _hr_id from "{place.dataset}"."{TABLE}"')
    found: dict[int, tuple[int, list[int]]] = {key: (n, []) for key, n, _ in rows}
    keys = {row_id: key for key, _, row_id in rows}
    assert len(found) == len(keys) == len(rows)
    items = f'select _hr_root_id, sku from "{place.dataset}"."{TABLE}__items" order by _hr_root_id, _hr_list_idx'
    for root, sku in place.query(items):
        found[keys[root]][1].append(sku)
    return found


def test_a_kill_leaves_the_table_as_the_position_says_and_the_next_life_finishes_it(place, backlog):
    _, _, told = backlog
    for failpoints in FAILPOINTS:
        with place.running("--until", "latest", failpoints=failpoints) as life:
            code = life.wait()
            assert life.fired, f"{failpoints} never fired; exit code {code}:\n{life.log[-3000:]}"
            assert code == -signal.SIGKILL
        assert held(place) == expected(told, place.position())
    with place.running("--until", "latest") as life:
        assert life.wait() == 0, life.log[-3000:]
    assert held(place) == expected(told, {number: len(records) for number, records in told.items()})
