"""What hints of columns leave behind in a file of DuckDB: comments there, all of them in the schema."""

from __future__ import annotations

from pathlib import Path

import duckdb

import stream
from sinks.schema import ColumnHints


def test_a_description_is_a_comment_and_all_hints_are_in_the_schema(tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    shop = stream.pipeline("shop", tmp_path / "work", destination=f"duckdb:///{file}", dataset_name="sales")
    hints = {
        "id": {"unique": True, "precision": 10, "description": "the order's number"},
        "at": {"data_type": "timestamp", "sort": True, "partition": True},
    }
    shop.run([{"id": 1}], table_name="orders", columns=hints)
    shop.run([{"id": "x", "late": 1}], table_name="orders", columns=hints)
    columns = shop.default_schema.tables["orders"].columns
    assert columns["id"].hints == ColumnHints(unique=True, precision=10, description="the order's number")
    assert columns["at"].hints == ColumnHints(sort=True, partition=True)
    with duckdb.connect(str(file)) as connection:
        found = connection.execute("select comment from duckdb_columns() where column_name = 'id'").fetchall()
    assert found == [("the order's number",)]
