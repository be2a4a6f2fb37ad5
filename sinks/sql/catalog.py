"""What the database says its tables are, held against what the stored schema says: somebody may have changed them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, Protocol

from sinks.schema import Column, Table
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement


class FoundTable(NamedTuple):
    """One relation of a dataset. `triggers`: the names of those that somebody made, joined by ", "."""

    table: str
    is_table: bool
    owner: str
    may_write: bool
    row_security: bool  # and in force for our user
    triggers: str


class FoundColumn(NamedTuple):
    """One column of a dataset. `filled`: the database has a value for rows that bring none."""

    table: str
    column: str
    type: str
    precision: int | None
    scale: int | None
    nullable: bool
    filled: bool


class Catalog(Protocol):
    """The questions that one kind of database answers about the tables it holds: pure, the sink sends them."""

    def dataset_exists(self, dataset: str) -> Statement:
        """Return the query that gives a row when the dataset is there."""
        ...

    def tables(self, dataset: str) -> Statement:
        """Return the query for all relations of a dataset, as rows of `FoundTable`."""
        ...

    def columns(self, dataset: str) -> Statement:
        """Return the query for all columns of a dataset's tables, as rows of `FoundColumn`."""
        ...

    def dependents(self, dataset: str, table: str, column: str) -> Statement:
        """Return the query that describes, for people, what keeps a column's type as it is: views, indexes, ..."""
        ...

    def missing_rights(self, dataset: str) -> Statement:
        """Return the query that describes, for people, what this user may not do that loading needs, one a row."""
        ...


def differences(
    wanted: Mapping[str, Table], tables: Collection[FoundTable], columns: Collection[FoundColumn], dialect: Dialect
) -> Iterator[str]:
    """Yield, for people, what keeps rows of `wanted` out of the tables that were found, or makes another thing of them.

    Somebody's own columns do no harm, unless they want a value that no row of ours brings.
    """
    found = {table.table: table for table in tables}
    live: dict[str, dict[str, FoundColumn]] = {}
    for column in columns:
        live.setdefault(column.table, {})[column.column] = column
    for table in wanted.values():
        if table.name not in found:
            yield f"table {table.name} is gone"
        elif (problem := _problem(found[table.name])) is not None:
            yield problem
        else:
            yield from _column_differences(table, live.get(table.name, {}), dialect)


def _problem(found: FoundTable) -> str | None:
    if not found.is_table:
        return f"{found.table} is a view or the like, not a table"
    if not found.may_write:
        return (
            f"table {found.table} belongs to {found.owner}, and this user may not read and insert: "
            "grant SELECT and INSERT on it, or give it back its owner"
        )
    if found.row_security:
        return f"row security is on for table {found.table}: switch it off, or let this user bypass it"
    return None


def _column_differences(table: Table, live: Mapping[str, FoundColumn], dialect: Dialect) -> Iterator[str]:
    for column in table.columns.values():
        if column.name not in live:
            yield f"column {table.name}.{column.name} is gone"
        else:
            yield from _changes(f"column {table.name}.{column.name}", column, live[column.name], dialect)
    for found in live.values():
        if found.column not in table.columns and not found.nullable and not found.filled:
            yield (
                f"column {table.name}.{found.column}, which headrace did not make, takes no NULL and has no default: "
                "give it a default, or drop its NOT NULL"
            )


def _changes(what: str, column: Column, found: FoundColumn, dialect: Dialect) -> Iterator[str]:
    if not _same_type(column, found, dialect):
        yield f"{what} is {found.type}, not {column.type}"
    if column.nullable and not found.nullable:
        yield f"{what} takes no NULL any more: drop its NOT NULL"
    if not column.nullable and found.nullable:
        yield f"{what} lost its NOT NULL"


def _same_type(column: Column, found: FoundColumn, dialect: Dialect) -> bool:
    if found.type.partition("(")[0] != dialect.catalog_name(column.type):
        return False
    return column.type.kind != "decimal" or (column.type.precision, column.type.scale) == (found.precision, found.scale)
