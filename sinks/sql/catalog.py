"""What the database says its tables are, held against what the stored schema says: somebody may have changed them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

import sqlalchemy as sa

from sinks.schema import Column, Schema, Table
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, render

# table, column, type, digits in all, digits after the point
Found: TypeAlias = tuple[str, str, str, int | None, int | None]


def columns_of(dataset: str) -> Statement:
    """Return the query for all columns of a dataset, as `Found` rows."""
    names = ("table_schema", "table_name", "column_name", "data_type", "numeric_precision", "numeric_scale")
    columns = sa.table("columns", *map(sa.column, names), schema="information_schema")
    wanted = [columns.c[name] for name in names[1:]]
    return render(sa.select(*wanted).where(columns.c.table_schema == dataset))


def differences(schema: Schema, found: Collection[Found], dialect: Dialect) -> Iterator[str]:
    """Yield, for people, each table or column of `schema` that is gone or another one. More columns do no harm."""
    live: dict[str, dict[str, Found]] = {}
    for row in found:
        live.setdefault(row[0], {})[row[1]] = row
    for table in schema.tables.values():
        if table.name in live:
            yield from _table_differences(table, live[table.name], dialect)
        else:
            yield f"table {table.name} is gone"


def _table_differences(table: Table, live: dict[str, Found], dialect: Dialect) -> Iterator[str]:
    for column in table.columns.values():
        if column.name not in live:
            yield f"column {table.name}.{column.name} is gone"
        elif not _same_type(column, live[column.name], dialect):
            yield f"column {table.name}.{column.name} is {live[column.name][2]}, not {column.type}"


def _same_type(column: Column, found: Found, dialect: Dialect) -> bool:
    _, _, name, precision, scale = found
    if name.partition("(")[0] != dialect.catalog_name(column.type):
        return False
    return column.type.kind != "decimal" or (column.type.precision, column.type.scale) == (precision, scale)
