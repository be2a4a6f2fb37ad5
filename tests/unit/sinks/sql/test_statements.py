"""The SQL that goes to DuckDB and PostgreSQL, compared with golden files. `HEADRACE_GOLDEN=write` writes them anew."""

import os
from pathlib import Path

import pytest

from checkpoints import Checkpoint, OffsetRange, Partition, Position, Span
from sinks import AddColumn, Batch, Column, CreateTable, Schema, Table, WidenColumn
from sinks.ledger import load_rows
from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, ColumnHints, decimal
from sinks.sql import ddl, dml, locks
from sinks.sql.dialect import DUCKDB, POSTGRES, Dialect
from sinks.sql.ledger import Ledger
from sinks.sql.offsets import Offsets
from sinks.sql.statement import Statement, namespace

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = 'id" int); drop table "victim"; --%s:x $1'
ONE, TWO = Partition("orders", 0), Partition("orders", 1)
STEP = Checkpoint(
    "shop",
    "load-1",
    since=Position({ONE: 5, TWO: 0}),
    upto=Position({ONE: 9, TWO: 2}),
    epoch=3,
    spans=(Span(OffsetRange(ONE, 5, 9), 3, rejected=1), Span(OffsetRange(TWO, 0, 2), 2)),
)

both = pytest.mark.parametrize("dialect", [DUCKDB, POSTGRES], ids=lambda dialect: dialect.name)


def check(name: str, *statements: Statement) -> None:
    """Compare statements with the golden file of that name."""
    text = "\n\n".join(f"{s.text}\n-- {s.parameters!r}" if s.parameters else s.text for s in statements) + "\n"
    file = GOLDEN / f"{name}.sql"
    if os.environ.get("HEADRACE_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def shop(dialect: Dialect) -> str:
    """Return the dataset `shop` as statements name it."""
    return namespace(dialect.catalog, "shop")


@both
def test_a_table_is_created_with_each_type(dialect: Dialect) -> None:
    types = {
        "text": TEXT, "bigint": BIGINT, "double": DOUBLE, "bool": BOOL, "timestamp": TIMESTAMP, "date": DATE,
        "time": TIME, "binary": BINARY, "decimal": decimal(38, 9), "json": JSON,
    }  # fmt: skip
    columns = {"_hr_id": Column("_hr_id", TEXT, nullable=False)} | {n: Column(n, t) for n, t in types.items()}
    check(f"create_table_{dialect.name}", *ddl.alter(dialect, shop(dialect), CreateTable(Table("orders", columns))))


@both
def test_hints_become_indexes_and_comments_as_far_as_the_database_has_them(dialect: Dialect) -> None:
    columns = [
        Column("id", BIGINT, hints=ColumnHints(unique=True, description="who's \\ who")),
        Column("at", TIMESTAMP, hints=ColumnHints(sort=True, partition=True)),
    ]
    table = Table("orders", {column.name: column for column in columns})
    late = AddColumn("orders", Column("late", TEXT, hints=ColumnHints(unique=True, description="too late")))
    changes = (CreateTable(table), late)
    check(f"hints_{dialect.name}", *(s for change in changes for s in ddl.alter(dialect, shop(dialect), change)))


@both
def test_columns_are_added_and_widened(dialect: Dialect) -> None:
    changes = [
        AddColumn("orders", Column("note", TEXT)),
        WidenColumn("orders", Column("price", decimal(20, 4)), was=BIGINT),
        WidenColumn("orders", Column("size", BIGINT), was=BIGINT),
    ]
    check(f"alter_table_{dialect.name}", *(s for change in changes for s in ddl.alter(dialect, shop(dialect), change)))


@both
def test_system_tables_are_created_where_they_are_missing(dialect: Dialect) -> None:
    check(f"system_tables_{dialect.name}", ddl.create_dataset(shop(dialect)), *Ledger(dialect, shop(dialect)).create())


@both
def test_no_name_leaves_its_quotes(dialect: Dialect) -> None:
    table = Table(HOSTILE, {HOSTILE: Column(HOSTILE, TEXT)})
    changes = [
        CreateTable(table),
        AddColumn(HOSTILE, Column(HOSTILE, TEXT)),
        WidenColumn(HOSTILE, Column(HOSTILE, TEXT), DATE),
    ]
    statements = [s for change in changes for s in ddl.alter(dialect, HOSTILE, change)]
    check(f"hostile_names_{dialect.name}", ddl.create_dataset(HOSTILE), ddl.use_dataset(dialect, HOSTILE), *statements)


def test_rows_are_copied_and_inserted_by_name() -> None:
    columns = ("_hr_id", "select", HOSTILE)
    check(
        "rows",
        dml.copy_from("shop", "orders", columns, "binary"),
        dml.copy_from("shop", "orders", columns, "csv"),
        dml.insert_from("hr_incoming", shop(DUCKDB), "orders", columns),
        dml.count("shop", "orders", 1_000_000),
        dml.beyond_double("shop", "orders", HOSTILE),
    )


def test_partitions_are_remembered_taken_and_advanced() -> None:
    offsets = Offsets(POSTGRES, "shop")
    check(
        "offsets",
        offsets.positions("shop"),
        offsets.next_epoch("shop"),
        offsets.remember("shop", {ONE: 5, TWO: 0}, {"orders": "cluster/topic"}),
        offsets.adopt("shop", "orders", "cluster/topic"),
        offsets.take("shop", [ONE, TWO], 3, "me"),
        offsets.advance(STEP),
    )


def test_a_thousand_partitions_take_the_same_text_as_one() -> None:
    offsets, ledger = Offsets(POSTGRES, "shop"), Ledger(POSTGRES, "shop")

    def texts(partitions: int) -> list[str]:
        start = Position({Partition("orders", number): 0 for number in range(partitions)})
        spans = tuple(Span(OffsetRange(partition, 0, 1), 1) for partition in start.next)
        step = Checkpoint("shop", "load-1", start, start.advanced_by(span.range for span in spans), 3, spans)
        sent = (
            offsets.remember("shop", start.next, {}),
            offsets.take("shop", start.next.keys(), 3, "me"),
            offsets.advance(step),
            ledger.record(load_rows(Batch(), step, "me")),
        )
        return [statement.text for statement in sent]

    assert texts(1_000) == texts(1)


def test_loads_and_schemas_are_recorded() -> None:
    ledger = Ledger(POSTGRES, "shop")
    check(
        "ledger",
        ledger.record(load_rows(Batch(schema_version=1), STEP, "me")),
        ledger.is_committed("load-1"),
        ledger.newest_version(),
        ledger.newest_schema(),
        ledger.store_schema(Schema(1), "shop"),
        locks.exclusive("shop", "orders"),
        locks.shared("shop"),
        locks.end_overdue("shop"),
    )
