"""The examples of docs/watermarks.md, with their templates filled in, on the tables of a pipeline."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import duckdb
import pytest
import yaml

import headrace

PAGE = (Path(__file__).parents[2] / "docs" / "watermarks.md").read_text(encoding="utf-8")
BLOCKS = {
    kind: re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) for kind in ("sql", "yaml", "python")
}  # one language after the other, in the page's order
ALL, MODEL, HOURS = BLOCKS["sql"]


@pytest.fixture
def warehouse(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """Orders from 10:00 to 12:40 in two partitions, of which the first is complete up to 12:30."""
    file = tmp_path / "warehouse.duckdb"
    shop = headrace.pipeline("shop", file.parent / "work", destination=f"duckdb:///{file}", dataset_name="shop")
    shop.run([{"id": 1}], table_name="items")
    connection = duckdb.connect(str(file))
    connection.execute("use shop")
    connection.execute("create table orders (_kafka_timestamp timestamptz)")
    times = "range(timestamptz '2026-03-01 10:00+00', timestamptz '2026-03-01 12:40+00', interval 20 minutes)"
    connection.execute(f"insert into orders select unnest({times})")
    for partition in (0, 1):
        connection.execute(
            "insert into _hr_offsets (pipeline, topic, partition, next_offset, epoch, owner, attempts, origin, "
            f"updated_at) values ('shop', 'orders', {partition}, 9, 1, 'one', 0, '', now())"
        )
    mark(connection, 0, "12:30")
    return connection


def mark(connection: duckdb.DuckDBPyConnection, partition: int, at: str) -> None:
    connection.execute(
        "insert or replace into _hr_watermarks values ('shop', 'orders', ?, ?::timestamptz, now())",
        [partition, f"2026-03-01 {at}+00"],
    )


def rendered(model: str, *, incremental: bool = False) -> str:
    """Return a model as dbt would, for sources in the schema of now."""
    model = re.sub(r"\{\{ config\(.*?\) \}\}", "", model)
    model = re.sub(
        r"\{% if is_incremental\(\) %\}(.*?)\{% endif %\}", r"\1" if incremental else "", model, flags=re.DOTALL
    )
    model = re.sub(r"\{\{ source\('shop', '(\w+)'\) \}\}|\{\{ ref\('(\w+)'\) \}\}", r"\1\2", model)
    rest = model.replace("{{ this }}", "orders_by_hour")
    assert "{" not in rest
    return rest


def hours(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Build both models anew and return the hours and their orders."""
    connection.execute(f"create or replace view complete_up_to as {rendered(MODEL)}")
    connection.execute(f"create or replace table orders_by_hour as {rendered(HOURS)}")
    return connection.execute(
        "select extract('hour' from hour at time zone 'UTC')::int, orders::int from orders_by_hour order by 1"
    ).fetchall()


def test_no_hour_is_complete_while_a_partition_has_no_watermark(warehouse) -> None:
    assert hours(warehouse) == []
    assert warehouse.execute(ALL).fetchall() == [("orders", None)]


def test_the_slowest_partition_says_which_hours_are_complete(warehouse) -> None:
    mark(warehouse, 1, "11:59")
    assert hours(warehouse) == [(10, 3)]
    mark(warehouse, 1, "12:01")
    assert hours(warehouse) == [(10, 3), (11, 3)]


def test_an_incremental_run_looks_at_the_newest_hour_and_those_after_it(warehouse) -> None:
    mark(warehouse, 1, "11:59")
    assert hours(warehouse) == [(10, 3)]
    mark(warehouse, 1, "12:01")
    more = warehouse.execute(f"select orders from ({rendered(HOURS, incremental=True)})").fetchall()
    assert more == [(3,), (3,)]


def test_the_sensor_waits_for_all_partitions(warehouse) -> None:
    (sensor,) = (node for node in ast.walk(ast.parse(BLOCKS["python"][0])) if isinstance(node, ast.Call))
    (sql,) = (word.value.value for word in sensor.keywords if word.arg == "sql")

    def done(until: str) -> bool:
        return warehouse.execute(sql.replace("{{ data_interval_end }}", until)).fetchall() == [(True,)]

    assert not done("2026-03-01T11:00:00+00:00")
    mark(warehouse, 1, "11:59")
    assert done("2026-03-01T11:00:00+00:00")
    assert not done("2026-03-01T12:00:00+00:00")


def test_the_sources_are_tables_that_there_are(warehouse) -> None:
    (source,) = yaml.safe_load(BLOCKS["yaml"][0])["sources"]
    for table in source["tables"]:
        warehouse.execute(f"select {table.get('loaded_at_field', '*')} from {source['schema']}.{table['name']}")
