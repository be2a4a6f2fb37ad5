"""SIGKILL while a topic keeps history: at each instant the versions are what the events below the position say."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from support import events
from support.destinations import tables
from support.place import TABLE, Place, on_duckdb, on_postgres

PARTITIONS, EVENTS, KEYS = 2, 1_200, 60
FIRST_SECOND = round(time.time()) - EVENTS  # an event comes each second; older ones Kafka would drop by and by

Told = dict[int, list[tuple[int, int, str | None]]]
"""By partition, in order: the second, the key and the state of each event; no state is a tombstone."""
Held = dict[int, list[tuple[int, int | None, str, list[int]]]]
"""By key, in order: from which second a version is valid, until which, its state and its items."""

FAILPOINTS = ("schema.after_ddl_before_data=kill@1", "load.after_copy=kill@2", "commit.after_send=kill@2")


def history() -> Told:
    """Return changes and repetitions of some keys, each in the partition of its key, one in ten of them a delete."""
    chance = random.Random(7)
    told: Told = {number: [] for number in range(PARTITIONS)}
    for second in range(EVENTS):
        key = chance.randrange(KEYS)
        state = None if chance.random() < 0.1 else chance.choice("abc")
        told[key % PARTITIONS].append((second, key, state))
    return told


def items(state: str) -> list[int]:
    return list(range("abc".index(state)))


@pytest.fixture(scope="module")
def backlog(kafka) -> tuple[str, str, Told]:
    """A topic with the history, which all runs of this module read."""
    name = events.fresh_topic(kafka.bootstrap, "history", partitions=PARTITIONS)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "log_level": 0})
    told = history()
    for partition, records in told.items():
        for second, key, state in records:
            value = None if state is None else {"id": key, "state": state, "items": [{"sku": n} for n in items(state)]}
            text = None if value is None else json.dumps(value).encode()
            at = (FIRST_SECOND + second) * 1000
            producer.produce(name, text, str(key).encode(), partition=partition, timestamp=at)
    assert producer.flush(30) == 0
    return kafka.bootstrap, name, told


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request, backlog, dataset, tmp_path: Path) -> Place:
    bootstrap, topic, _ = backlog
    if request.param == "duckdb":
        place = on_duckdb(bootstrap, topic, tmp_path / "crash.duckdb", dataset)
    else:
        place = on_postgres(bootstrap, topic, request.getfixturevalue("postgres_dsn"), dataset)
    return place.with_settings(batching__max_rows="200", tables__write_disposition="scd2", tables__primary_key="id")


def expected(told: Told, position: Mapping[int, int]) -> Held:
    """Return the versions at a position."""
    found: Held = {}
    for partition, records in told.items():
        for second, key, state in records[: position.get(partition, 0)]:
            versions = found.setdefault(key, [])
            is_open = bool(versions) and versions[-1][1] is None
            if is_open and versions[-1][2] == state:
                continue
            if is_open:
                versions[-1] = (versions[-1][0], second, *versions[-1][2:])
            if state is not None:
                versions.append((second, None, state, items(state)))
    return {key: versions for key, versions in found.items() if versions}


def held(place: Place) -> Held:
    """Return what the tables hold; fail where an item has no version."""
    if TABLE not in tables(place.query, place.dataset):
        return {}
    times = "extract(epoch from _hr_valid_from), extract(epoch from _hr_valid_to)"
    rows = place.query(f'select id, {times}, state, _hr_id from "{place.dataset}"."{TABLE}" order by 1, 2')
    below: dict[Any, list[int]] = {row_id: [] for *_, row_id in rows}
    assert len(below) == len(rows)
    found = f'select _hr_root_id, sku from "{place.dataset}"."{TABLE}__items" order by _hr_root_id, _hr_list_idx'
    for root, sku in place.query(found):
        below[root].append(sku)
    versions: Held = {}
    for key, since, until, state, row_id in rows:
        version = second(since), None if until is None else second(until), state, below[row_id]
        versions.setdefault(key, []).append(version)
    return versions


def second(epoch: Any) -> int:
    return round(epoch) - FIRST_SECOND


def test_a_kill_leaves_the_versions_that_the_position_says_and_the_next_life_finishes_them(place, backlog):
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
