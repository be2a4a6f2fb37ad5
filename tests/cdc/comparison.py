"""The proof: a table of the source against the table of the warehouse, row by row and value by value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import psycopg
from psycopg import sql

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many rows one table has on both sides, and how they agree. The last three must be 0."""

    table: str
    source: int
    warehouse: int
    missing: int
    surplus: int
    different: int
    columns: tuple[str, ...] = ()
    """The columns whose values differ."""

    @property
    def equal(self) -> bool:
        """Return whether both tables hold the same rows."""
        return self.source == self.warehouse and not (self.missing or self.surplus or self.different)


def compare(dsn: str, file: Path, dataset: str, tables: Sequence[str]) -> list[Comparison]:
    """Return how the tables of schema `dataset` in a PostgreSQL agree with those in a DuckDB file, headrace aside."""
    with psycopg.connect(dsn) as source, duckdb.connect(str(file), read_only=True) as warehouse:
        source.execute("set timezone = 'UTC'")
        warehouse.execute("set timezone = 'UTC'")
        return [_compare(source, warehouse, dataset, table) for table in tables]


def has_row(file: Path, dataset: str, table: str, column: str, id: int) -> bool:
    """Return whether a table in a DuckDB file is there and has a row with this id."""
    try:
        with duckdb.connect(str(file), read_only=True) as warehouse:
            query = f'select count(*) from "{dataset}"."{table}" where {column} = {id}'
            return warehouse.execute(query).fetchone() == (1,)
    except duckdb.CatalogException:
        return False


def _compare(
    source: psycopg.Connection[Any], warehouse: duckdb.DuckDBPyConnection, dataset: str, table: str
) -> Comparison:
    columns, keys = _columns(source, dataset, table), _keys(source, dataset, table)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    there = source.execute(
        sql.SQL("select {} from {}.{}").format(names, sql.Identifier(dataset), sql.Identifier(table))
    ).fetchall()
    quoted = ", ".join(f'"{name}"' for name in columns)
    held = warehouse.sql(f'select {quoted} from "{dataset}"."{table}"').to_arrow_table()
    here = list(zip(*(column.to_pylist() for column in held.columns), strict=True))
    places = [columns.index(key) for key in keys]
    expected, found = _by_key(there, places), _by_key(here, places)
    both = expected.keys() & found.keys()
    unequal = {
        name
        for key in both
        for name, left, right in zip(columns, expected[key], found[key], strict=True)
        if left != right
    }
    return Comparison(
        table,
        len(there),
        len(here),
        missing=len(expected.keys() - found.keys()),
        surplus=len(found.keys() - expected.keys()),
        different=sum(expected[key] != found[key] for key in both),
        columns=tuple(sorted(unequal)),
    )


def _columns(source: psycopg.Connection[Any], dataset: str, table: str) -> list[str]:
    found = source.execute(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
        " order by ordinal_position",
        [dataset, table],
    )
    return [name for (name,) in found]


def _keys(source: psycopg.Connection[Any], dataset: str, table: str) -> list[str]:
    found = source.execute(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)"
        " where i.indrelid = %s::regclass and i.indisprimary",
        [f"{dataset}.{table}"],
    )
    return [name for (name,) in found]


def _by_key(rows: Sequence[Row], places: Sequence[int]) -> dict[Row, Row]:
    return {tuple(row[place] for place in places): tuple(map(_plain, row)) for row in rows}


def _plain(value: Any) -> Any:
    """Return a value in the one form that both drivers' values can be brought to."""
    match value:
        case datetime():
            return (value if value.tzinfo is None else value.astimezone(UTC)).replace(tzinfo=None)
        case UUID():
            return str(value)
        case dict() | list():
            return json.dumps(value, sort_keys=True)
        case bytes():
            return value.hex()
        case _:
            return value
