"""The stored schema held against what the database says."""

import pytest

from sinks import Column, Schema, Table
from sinks.schema import BIGINT, TEXT, decimal
from sinks.sql.catalog import Found, differences
from sinks.sql.dialect import DUCKDB

COLUMNS = {"id": Column("id", BIGINT), "price": Column("price", decimal(10, 2))}
SCHEMA = Schema(1, {"orders": Table("orders", COLUMNS)})
ID: Found = ("orders", "id", "BIGINT", 64, 0)
PRICE: Found = ("orders", "price", "DECIMAL(10,2)", 10, 2)


def test_equal_tables_do_not_differ_and_more_columns_do_no_harm() -> None:
    assert list(differences(SCHEMA, [ID, PRICE, ("orders", "mine", "DATE", None, None)], DUCKDB)) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], "table orders is gone"),
        ([ID], "column orders.price is gone"),
        ([("orders", "id", "VARCHAR", None, None), PRICE], "column orders.id is VARCHAR, not bigint"),
        ([ID, ("orders", "price", "DECIMAL(10,3)", 10, 3)], "column orders.price is DECIMAL(10,3), not decimal(10,2)"),
    ],
)
def test_what_somebody_changed_is_told(found: list[Found], told: str) -> None:
    assert list(differences(SCHEMA, found, DUCKDB)) == [told]


def test_text_is_varchar_in_duckdb() -> None:
    schema = Schema(1, {"t": Table("t", {"a": Column("a", TEXT)})})
    assert list(differences(schema, [("t", "a", "VARCHAR", None, None)], DUCKDB)) == []
