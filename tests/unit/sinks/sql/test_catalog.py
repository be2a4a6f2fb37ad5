"""The stored schema held against what the database says."""

import pytest

from sinks import Column, Table
from sinks.schema import BIGINT, TEXT, decimal
from sinks.sql.catalog import FoundColumn, FoundTable, differences
from sinks.sql.dialect import DUCKDB

COLUMNS = {
    "id": Column("id", BIGINT, nullable=False),
    "note": Column("note", TEXT),
    "price": Column("price", decimal(10, 2)),
}
WANTED = {"orders": Table("orders", COLUMNS)}


def table(*, is_table: bool = True, may_write: bool = True, row_security: bool = False) -> FoundTable:
    return FoundTable("orders", is_table, "alice", may_write, row_security, "")


def column(name: str, kind: str, *digits: int, nullable: bool = True, filled: bool = False) -> FoundColumn:
    precision, scale = digits or (None, None)
    return FoundColumn("orders", name, kind, precision, scale, nullable, filled)


ORDERS = table()
ID = column("id", "BIGINT", 64, 0, nullable=False)
NOTE = column("note", "VARCHAR")
PRICE = column("price", "DECIMAL(10,2)", 10, 2)


@pytest.mark.parametrize(
    "mine",
    [
        column("mine", "DATE"),
        column("mine", "DATE", nullable=False, filled=True),
    ],
)
def test_columns_that_somebody_added_do_no_harm(mine: FoundColumn) -> None:
    assert list(differences(WANTED, [ORDERS], [ID, NOTE, PRICE, mine], DUCKDB)) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([ID, NOTE], "column orders.price is gone"),
        ([column("id", "VARCHAR", nullable=False), NOTE, PRICE], "column orders.id is VARCHAR, not bigint"),
        (
            [ID, NOTE, column("price", "DECIMAL(10,3)", 10, 3)],
            "column orders.price is DECIMAL(10,3), not decimal(10,2)",
        ),
        (
            [ID, NOTE, PRICE, column("mine", "DATE", nullable=False)],
            "column orders.mine, which headrace did not make, takes no NULL and has no default: "
            "give it a default, or drop its NOT NULL",
        ),
        (
            [ID, column("note", "VARCHAR", nullable=False), PRICE],
            "column orders.note takes no NULL any more: drop its NOT NULL",
        ),
        ([column("id", "BIGINT", 64, 0), NOTE, PRICE], "column orders.id lost its NOT NULL"),
    ],
)
def test_what_somebody_changed_in_a_column_is_told(found: list[FoundColumn], told: str) -> None:
    assert list(differences(WANTED, [ORDERS], found, DUCKDB)) == [told]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], "table orders is gone"),
        ([table(is_table=False)], "orders is a view or the like, not a table"),
        (
            [table(may_write=False)],
            "table orders belongs to alice, and this user may not read and insert: "
            "grant SELECT and INSERT on it, or give it back its owner",
        ),
        (
            [table(row_security=True)],
            "row security is on for table orders: switch it off, or let this user bypass it",
        ),
    ],
)
def test_what_somebody_changed_in_a_table_is_told(found: list[FoundTable], told: str) -> None:
    assert list(differences(WANTED, found, [ID, NOTE, PRICE], DUCKDB)) == [told]
