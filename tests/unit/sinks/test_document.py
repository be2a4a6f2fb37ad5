"""The schema as a document."""

import pytest

from sinks import Column, Schema, Table
from sinks.document import from_document, to_document, version_hash
from sinks.schema import BIGINT, TEXT, decimal

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


def test_a_schema_survives_the_document() -> None:
    assert from_document(7, to_document(SCHEMA)) == SCHEMA


def test_the_hash_is_of_the_content_not_of_the_version() -> None:
    assert version_hash(SCHEMA) == version_hash(Schema(8, SCHEMA.tables))


def test_the_hash_changes_with_a_column() -> None:
    wider = SCHEMA.tables["orders"].adding(Column("note", TEXT))
    assert version_hash(SCHEMA) != version_hash(Schema(7, {**SCHEMA.tables, "orders": wider}))


def test_a_document_of_a_newer_headrace_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="upgrade"):
        from_document(1, to_document(SCHEMA).replace('"engine":1', '"engine":2'))
