"""The schema as a JSON document: what `_hr_schemas` keeps, and what any sink may keep."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any, Final

from sinks.schema import NO_HINTS, Column, ColumnHints, DataType, Schema, Table
from sinks.write import APPEND
from sinks.write_document import write_from_document, write_to_document

# Version of this document's form. Engine 1 knew no `write`: all tables were appended to. Engine 2 knew no `hints`; it
# is still written where no column has some, so that a replica of the version before reads it.
ENGINE: Final = 3
_WITHOUT_HINTS: Final = 2
_READABLE: Final = (1, 2, 3)


def to_document(schema: Schema) -> str:
    """Return `schema` as JSON text; equal tables give equal text, whatever the version."""
    tables = {name: _table_out(table) for name, table in schema.tables.items()}
    hinted = any(c.hints != NO_HINTS for table in schema.tables.values() for c in table.columns.values())
    engine = ENGINE if hinted else _WITHOUT_HINTS
    return json.dumps({"engine": engine, "tables": tables}, ensure_ascii=True, separators=(",", ":"))


def from_document(version: int, text: str) -> Schema:
    """Return the schema that `to_document` wrote; raises `ValueError` for a document of a newer headrace."""
    document = json.loads(text)
    if document["engine"] not in _READABLE:
        raise ValueError(f"schema document of engine {document['engine']}; this headrace reads {ENGINE}: upgrade it")
    return Schema(version, {name: _table_in(name, table) for name, table in document["tables"].items()})


def version_hash(schema: Schema) -> str:
    """Return what identifies the content of `schema` (64 hex digits), its version left aside."""
    return hashlib.sha256(to_document(schema).encode()).hexdigest()


def _table_out(table: Table) -> dict[str, Any]:
    return {
        "parent": table.parent,
        "source": table.source,
        "write": write_to_document(table.write),
        "columns": {
            column.name: {
                "type": str(column.type),
                "nullable": column.nullable,
                "source": column.source,
                "variant_of": column.variant_of,
                **_hints_out(column.hints),
            }
            for column in table.columns.values()
        },
    }


def _table_in(name: str, table: dict[str, Any]) -> Table:
    columns = {column: _column_in(column, facts) for column, facts in table["columns"].items()}
    write = write_from_document(table["write"]) if "write" in table else APPEND
    return Table(name, columns, table["parent"], tuple(table["source"]), write)


def _column_in(name: str, column: dict[str, Any]) -> Column:
    return Column(
        name,
        DataType.parse(column["type"]),
        column["nullable"],
        tuple(column["source"]),
        column["variant_of"],
        ColumnHints(**column.get("hints", {})),
    )


def _hints_out(hints: ColumnHints) -> dict[str, Any]:
    said = {name: value for name, value in asdict(hints).items() if value}
    return {"hints": said} if said else {}
