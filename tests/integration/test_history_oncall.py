"""The commands of an operator on a table that keeps history: what they can tell, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from support import events
from support.place import Place, on_duckdb
from support.service import headrace

KEYS, EVENTS = 10, 120


@pytest.fixture
def place(kafka, tmp_path: Path) -> Place:
    name = events.fresh_topic(kafka.bootstrap, "history", partitions=1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "log_level": 0})
    for number in range(EVENTS):
        value = {"id": number % KEYS, "n": number // 30}  # of three events in a row two repeat what is there
        producer.produce(name, json.dumps(value).encode(), partition=0)
    assert producer.flush(30) == 0
    made = on_duckdb(kafka.bootstrap, name, tmp_path / "shop.duckdb", f"history_{name[-6:]}").with_settings(
        tables__write_disposition="scd2", tables__primary_key="id"
    )
    with made.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    return made


def test_verify_is_silent_and_says_what_it_did_not_compare(place: Place) -> None:
    done = headrace("verify", "--deep", *place.args, env=place.env)
    assert (done.returncode, "the table keeps history" in done.stdout) == (0, True), done.stdout + done.stderr
    assert place.query(f'select count(*) as rows from "{place.dataset}".orders') == [(KEYS * EVENTS // 30,)]


def test_a_rewind_is_refused_and_changes_nothing(place: Place) -> None:
    before = place.position()
    done = headrace("rewind", "--to-beginning", "--yes", *place.args, env=place.env)
    assert (done.returncode, "keeps the history" in done.stderr) == (2, True), done.stderr
    assert place.position() == before
