"""The schema as a document."""

from pathlib import Path

import pytest

from sinks import Append, Column, Merge, Replace, Scd2, Schema, SortBy, Table
from sinks.document import from_document, to_document, version_hash
from sinks.schema import BIGINT, TEXT, ColumnHints, decimal

SCHEMA = Schema(
    7,
    {
        "orders": Table("orders", {"id": Column("id", BIGINT, nullable=False, source=("ID",))}, source=("Orders",)),
        "orders__items": Table(
            "orders__items",
            {
                "price": Column("price", decimal(38, 9), source=("items", "🦔 price")),
                "price__v_text": Column("price__v_text", TEXT, variant_of="price"),
            },
            parent="orders",
        ),
    },
)


WRITES = [
    Append(),
    Replace(),
    Merge(("id", "shop"), "delete-insert", ("shop",), (SortBy("at"), SortBy("n", lowest=True)), "deleted_at", True),
    Scd2(("id",), (SortBy("at"),)),
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: type(write).__name__)
def test_how_a_table_is_written_survives_the_document(write) -> None:
    schema = Schema(1, {"orders": Table("orders", write=write)})
    assert from_document(1, to_document(schema)) == schema


def test_a_document_of_version_0_1_is_read_and_its_tables_are_appended_to() -> None:
    text = '{"engine":1,"tables":{"orders":{"parent":null,"source":["Orders"],"columns":{}}}}'
    assert from_document(3, text) == Schema(3, {"orders": Table("orders", source=("Orders",), write=Append())})


def test_a_whole_document_that_version_0_1_wrote_is_read() -> None:
    read = from_document(2, (Path(__file__).parent / "documents/of_0_1.json").read_text())
    orders = read.tables["orders"]
    assert (read.tables["orders__items"].parent, orders.write) == ("orders", Append())
    assert orders.columns["price"] == Column("price", decimal(38, 9), source=("price",))
    assert orders.columns["order_id__v_text"].variant_of == "order_id"
    assert not orders.columns["_hr_id"].nullable


def test_a_schema_survives_the_document() -> None:
    assert from_document(7, to_document(SCHEMA)) == SCHEMA


def hinted(hints: ColumnHints) -> Schema:
    return Schema(1, {"orders": Table("orders", {"id": Column("id", BIGINT, hints=hints)})})


def test_hints_survive_the_document() -> None:
    schema = hinted(ColumnHints(unique=True, precision=12, description="who's \\ who"))
    assert from_document(1, to_document(schema)) == schema


def test_a_document_without_hints_is_read_by_the_version_before() -> None:
    assert '"engine":2' in to_document(SCHEMA)
    assert '"engine":3' in to_document(hinted(ColumnHints(sort=True)))


def test_the_hash_is_of_the_content_not_of_the_version() -> None:
    assert version_hash(SCHEMA) == version_hash(Schema(8, SCHEMA.tables))


def test_the_hash_changes_with_a_column() -> None:
    wider = SCHEMA.tables["orders"].adding(Column("note", TEXT))
    assert version_hash(SCHEMA) != version_hash(Schema(7, {**SCHEMA.tables, "orders": wider}))


def test_a_document_of_a_newer_headrace_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="upgrade"):
        from_document(1, to_document(SCHEMA).replace('"engine":2', '"engine":4'))
