"""The demo's proof fails whenever one event is missing, doubled, altered or a stranger."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from stream.demo.proof import prove

EVENTS = pa.table({"partition": [0, 0, 1], "offset": [0, 1, 0], "uid": [10, None, 12]})
LANDED = ("insert into shop.orders values (0, 0, 10), (1, 0, 12)", "insert into shop._hr_rejects values (0, 1)")


def database(folder: Path, *statements: str) -> Path:
    path = folder / "shop.duckdb"
    with duckdb.connect() as connection:
        connection.execute("attach $1 as demo_file", [str(path)])
        connection.execute("use demo_file")
        connection.execute("create schema shop")
        connection.execute("create table shop.orders (_kafka_partition bigint, _kafka_offset bigint, uid bigint)")
        connection.execute('create table shop._hr_rejects ("partition" bigint, "offset" bigint)')
        for statement in statements:
            connection.execute(statement)
    return path


def test_rows_and_rejects_that_are_the_events_hold(tmp_path):
    proof = prove(database(tmp_path, *LANDED), "shop", "orders", EVENTS)
    assert proof.holds
    assert (proof.produced, proof.rows, proof.rejects) == (3, 2, 1)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("delete from shop.orders where uid = 10", "missing"),
        ("delete from shop._hr_rejects", "missing"),
        ("insert into shop.orders values (1, 0, 12)", "twice"),
        ("insert into shop._hr_rejects values (1, 0)", "twice"),
        ("insert into shop.orders values (1, 7, 99)", "strangers"),
        ("update shop.orders set uid = 11 where uid = 10", "altered"),
    ],
)
def test_damage_is_found(tmp_path, damage, what):
    proof = prove(database(tmp_path, *LANDED, damage), "shop", "orders", EVENTS)
    assert not proof.holds
    assert getattr(proof, what) == 1
