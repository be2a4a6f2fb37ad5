"""The commands of those on call, as they type them, against a real broker and a real destination."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest

from servers.process import free_port
from support import events
from support.oracle import assert_exactly_once
from support.place import TABLE, Place, on_duckdb, on_postgres
from support.service import headrace

ORDERS = 600


@pytest.fixture(scope="module")
def place(kafka, postgres_dsn: str) -> Iterator[Place]:
    """Orders in two partitions, every hundredth of them poison; all loaded."""
    name = events.fresh_topic(kafka.bootstrap, "oncall", partitions=2)
    events.produce(kafka.bootstrap, name, events.orders(ORDERS, seed=7, poison_every=100), partitions=2)
    made = on_postgres(kafka.bootstrap, name, postgres_dsn, f"oncall_{os.getpid()}")
    with made.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    yield made
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'drop schema "{made.dataset}" cascade'.encode())


def told(place: Place, *words: str, code: int = 0) -> str:
    """Return what a command says about a place."""
    command, *rest = words
    args = place.args if command in ("status", "verify", "rewind", "trace", "doctor") else place.args[4:]
    subcommand = [rest.pop(0)] if command in ("rejects", "schema") else []
    done = headrace(command, *subcommand, *rest, *args, env=place.env)
    assert done.returncode == code, done.stderr
    return done.stdout


def answer(place: Place, *words: str):
    return json.loads(told(place, *words, "--json"))


def rows(place: Place) -> int:
    return place.query(f'select count(*) from "{place.dataset}".{TABLE}')[0][0]


def test_status_tells_positions_lag_and_rejects(place: Place) -> None:
    status = answer(place, "status", "--count")
    assert [(p["next_offset"], p["lag"]) for p in status["partitions"]] == [(300, 0), (300, 0)]
    assert status["tables"][TABLE] == ORDERS - ORDERS // 100
    assert sum(count["records"] for count in status["rejects"]) == ORDERS // 100
    assert "complete up to" in told(place, "status")


def test_the_schema_has_a_history_with_load_and_offsets(place: Place) -> None:
    *_, first = answer(place, "schema", "history")
    assert (first["version"], first["pipeline"]) == (1, place.dataset)
    assert min(each["start"] for each in first["ranges"]) == 0
    assert first["load_id"] in told(place, "schema", "history")
    assert f"table {TABLE}" in first["changes"][0]["text"]


def test_status_of_a_dataset_that_is_not_there_says_so_and_makes_none(place: Place) -> None:
    done = headrace("status", "--to", place.url, "--pipeline", "nobody", env={})
    assert (done.returncode, "no dataset 'nobody'" in done.stderr) == (4, True), done.stderr
    assert place.query("select 1 from information_schema.schemata where schema_name = 'nobody'") == []


def test_status_of_a_file_that_a_service_holds_is_told_by_the_service(kafka, tmp_path: Path) -> None:
    name = events.fresh_topic(kafka.bootstrap, "held", partitions=1)
    events.produce(kafka.bootstrap, name, events.orders(10, seed=1))
    http = f"127.0.0.1:{free_port()}"
    where = on_duckdb(kafka.bootstrap, name, tmp_path / "held.duckdb", f"held_{name[-6:]}").with_settings(
        service__http=http
    )
    with where.running() as life:
        life.until(lambda: "claimed" in life.log)
        assert answer(where, "status")["pipeline"] == where.dataset
        without = where.with_settings(service__http="")
        done = headrace("status", *without.args, env=without.env)
        assert (done.returncode, "is open in another process" in done.stderr) == (4, True), done.stderr
        life.drain()


def test_doctor_finds_all_well(place: Place) -> None:
    checks = answer(place, "doctor")
    assert {check["verdict"] for check in checks} <= {"well", "odd"}
    assert {"brokers", f"topic {place.topic}", "destination postgres"} <= {check["name"] for check in checks}


def test_doctor_says_what_to_do_about_a_broker_that_is_away(place: Place) -> None:
    away = Place(f"127.0.0.1:{free_port()}", place.topic, place.url, place.dataset, place.query)
    assert "BAD brokers: no broker answers" in told(away, "doctor", code=1)


def test_trace_leads_from_a_child_row_to_its_event(place: Place) -> None:
    ((row_id, uid),) = place.query(
        f'select i._hr_id, o.uid from "{place.dataset}".{TABLE}__items i join "{place.dataset}".{TABLE} o '
        "on o._hr_id = i._hr_parent_id where o._kafka_partition = 1 and o._kafka_offset = 77 and i._hr_list_idx = 0"
    )
    found = json.loads(headrace("trace", row_id, *place.args, "--json", env=place.env).stdout)
    assert (found["topic"], found["row"]["partition"], found["row"]["offset"]) == (place.topic, 1, 77)
    assert json.loads(found["value"])["uid"] == uid


def test_trace_withholds_the_bytes_of_an_event_with_private_fields_unless_told_to(place: Place) -> None:
    ((row_id, uid),) = place.query(f'select _hr_id, uid from "{place.dataset}".{TABLE} limit 1')
    private = place.env | {"HEADRACE__TOPICS": json.dumps({place.topic: {"mask": ["uid"]}})}
    told = headrace("trace", row_id, *place.args, env=private).stdout
    assert "withheld, since the topic has private fields" in told
    assert uid not in told
    assert uid in headrace("trace", row_id, *place.args, "--raw", env=private).stdout


def test_rejects_are_listed_shown_and_exported(place: Place, tmp_path: Path) -> None:
    assert sum(count["records"] for count in answer(place, "rejects", "list")) == 6
    (shown, *_) = answer(place, "rejects", "show", "--limit", "1")
    assert shown["topic"] == place.topic
    file = tmp_path / "rejects.jsonl"
    told(place, "rejects", "export", str(file))
    assert len(file.read_text().splitlines()) == 6


def test_a_rewind_is_told_first_and_done_with_yes(place: Place) -> None:
    words = ("rewind", "--partition", "1", "--to-offset", "100")
    assert "nothing was changed" in told(place, *words)
    assert rows(place) == ORDERS - 6
    done = answer(place, *words, "--yes")
    assert (done["done"], done["partitions"][0]["to"]) == (True, 100)
    assert place.position() == {0: 300, 1: 100}
    assert told(place, "verify").endswith(" s\n")
    place.finished()
    assert rows(place) == ORDERS - 6


def test_a_rewind_into_the_middle_of_a_folded_line_is_no_finding(kafka, postgres_dsn: str, dataset: str) -> None:
    name = events.fresh_topic(kafka.bootstrap, "fold", partitions=1)
    place = on_postgres(kafka.bootstrap, name, postgres_dsn, dataset).with_settings(ledger__keep_detail_seconds="0")
    for part in range(2):
        events.produce(kafka.bootstrap, name, events.orders(900, seed=part, first=part * 900, poison_every=100))
        place.finished()
    lines = place.query(f'select stop_offset - start_offset from "{dataset}"._hr_loads')
    assert max(length for (length,) in lines) > 300  # the most that one load has
    told(place, "rewind", "--to-offset", "200", "--yes")
    assert answer(place, "verify")["findings"] == []
    place.finished()
    assert answer(place, "verify")["findings"] == []


def test_a_running_service_goes_on_from_where_it_was_rewound_to(place: Place) -> None:
    with place.running() as life:
        life.until(lambda: "claimed" in life.log)
        told(place, "rewind", "--to-beginning", "--yes")
        life.until(lambda: "fenced" in life.log)
        place.until_caught_up(life)
        life.drain()
    place.judged()


def test_a_paused_pipeline_loads_nothing_until_it_is_resumed(kafka, place: Place) -> None:
    told(place, "pause", "--why", "maintenance")
    with place.running() as life:
        life.until(lambda: "maintenance" in life.log)
        events.produce(kafka.bootstrap, place.topic, events.orders(20, seed=8, first=ORDERS), partitions=2)
        assert answer(place, "status")["paused"] == "maintenance"
        assert place.position() == {0: 300, 1: 300}
        told(place, "resume")
        place.until_caught_up(life)
        life.drain()
    assert_exactly_once(kafka.bootstrap, place.query, place.dataset, {place.topic: TABLE})


def test_rejects_that_fit_under_new_settings_become_rows_once(kafka, tmp_path: Path) -> None:
    name = events.fresh_topic(kafka.bootstrap, "deep", partitions=1)
    events.produce(kafka.bootstrap, name, [b'{"a": {"b": {"c": 1}}}', b'{"a": 1}', b"{"])
    strict = on_duckdb(kafka.bootstrap, name, tmp_path / "deep.duckdb", f"deep_{name[-6:]}").with_settings(
        limits__max_depth="2"
    )
    with strict.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    mild = strict.with_settings(limits__max_depth="64")
    assert answer(mild, "rejects", "replay")["rows"] == 1
    assert answer(mild, "rejects", "replay", "--yes")["rows"] == 1
    assert answer(mild, "rejects", "replay", "--yes")["rows"] == 0
    assert "1 records are gone" in told(mild, "rejects", "drop", "--yes")
    assert answer(mild, "verify")["findings"] == []
    assert rows(mild) == 2


def test_a_reject_of_which_no_bytes_were_kept_stays_one(kafka, tmp_path: Path) -> None:
    name = events.fresh_topic(kafka.bootstrap, "withheld", partitions=1)
    events.produce(kafka.bootstrap, name, [b'{"a": 1}', b"{"])
    place = on_duckdb(kafka.bootstrap, name, tmp_path / "withheld.duckdb", f"withheld_{name[-6:]}")
    with place.running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    with duckdb.connect(str(tmp_path / "withheld.duckdb")) as connection:
        connection.execute(f'update "{place.dataset}"._hr_rejects set "value" = null')
    done = answer(place, "rejects", "replay", "--yes")
    assert (done["rows"], done["still"]) == (0, {"no_row": 1})
    assert answer(place, "verify")["findings"] == []


def test_init_writes_a_file_that_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    given = ("--brokers", "localhost:9092", "--topic", "orders", "--to", "duckdb:///shop.duckdb", "--pipeline", "shop")
    assert headrace("init", str(file), *given).returncode == 0
    assert tomllib.loads(file.read_text())["kafka"]["topics"] == ["orders"]
    assert headrace("config", "check", "-c", str(file)).returncode == 0
    again = headrace("init", str(file), *given)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
