"""Whose schema it is: `headrace run --approve-ddl` at a terminal and without one, and files to import and export."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sinks import Column, Schema, Table
from sinks.schema import TEXT
from stream.api.schema_files import export_schema, import_schema
from support import events
from support.place import TABLE, Place, on_duckdb, on_postgres
from support.service import COMMAND, ROOT, headrace, wait_until

ORDERS = 20


@pytest.fixture
def place(kafka, tmp_path: Path) -> Place:
    name = events.fresh_topic(kafka.bootstrap, "approve", partitions=1)
    events.produce(kafka.bootstrap, name, events.orders(ORDERS, seed=3))
    return on_duckdb(kafka.bootstrap, name, tmp_path / "approve.duckdb", f"approve_{name[-6:]}")


def answered(place: Place, folder: Path, answer: bytes) -> tuple[int, str]:
    """Return exit code and stderr of a run at a terminal whose user types this answer."""
    ours, theirs = os.openpty()
    shown = folder / "shown"
    command = [*COMMAND, "run", *place.args, "--until", "latest", "--approve-ddl"]
    environment = {**os.environ, **place.env, "HOME": str(folder), "HEADRACE__SERVICE__LOG_FORMAT": "json"}
    with shown.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=stderr, stderr=stderr)
    try:
        wait_until(lambda: "[y/N]" in shown.read_text() or process.poll() is not None, tell=shown.read_text)
        os.write(ours, answer * 5)  # events may come in several batches, each with a column of its own
        return process.wait(60), shown.read_text()
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_without_a_terminal_it_stops_with_the_ddl_and_makes_no_table(place: Place) -> None:
    done = headrace("run", *place.args, "--until", "latest", "--approve-ddl", env=place.env)
    assert (done.returncode, "CREATE TABLE" in done.stderr) == (8, True), done.stderr
    assert place.query(f"select 1 from information_schema.tables where table_name = '{TABLE}'") == []


def test_a_no_stops_and_a_yes_goes_on_at_the_same_offsets(place: Place, tmp_path: Path) -> None:
    code, shown = answered(place, tmp_path, b"n\n")
    assert (code, f"+ {TABLE}" in shown) == (8, True), shown
    code, shown = answered(place, tmp_path, b"yes\n")
    assert code == 0, shown
    assert place.query(f'select count(*) from "{place.dataset}".{TABLE}') == [(ORDERS,)]


def test_a_run_makes_the_tables_of_a_file_and_writes_the_schema_down(place: Place, tmp_path: Path) -> None:
    note = Column("note", TEXT, source=("note",))
    export_schema(tmp_path / "in", place.dataset, Schema(1, {TABLE: Table(TABLE, {"note": note}, source=(TABLE,))}))
    folders = {"import_schema_path": str(tmp_path / "in"), "export_schema_path": str(tmp_path / "out")}
    with place.with_settings(**folders).running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    written = import_schema(tmp_path / "out", place.dataset)
    assert written is not None
    assert next(iter(written.tables[TABLE].columns)) == "note"
    assert place.query(f'select count(*) from "{place.dataset}".{TABLE}') == [(ORDERS,)]


def test_a_record_whose_unique_value_is_there_is_set_aside(kafka, postgres_dsn: str) -> None:
    name = events.fresh_topic(kafka.bootstrap, "unique", partitions=1)
    events.produce(kafka.bootstrap, name, [b'{"id": 1, "n": 1}', b'{"id": 1, "n": 2}', b'{"id": 2, "n": 3}'])
    made = on_postgres(kafka.bootstrap, name, postgres_dsn, f"unique_{name[-6:]}")
    hints = json.dumps({name: {"columns": {"id": {"unique": True}}}})
    with made.with_settings(topics=hints).running("--until", "latest") as life:
        assert life.wait() == 0, life.log
    assert made.query(f'select n from "{made.dataset}".{TABLE} order by n') == [(1,), (3,)]
    assert made.query(f'select "offset" from "{made.dataset}"._hr_rejects') == [(1,)]
