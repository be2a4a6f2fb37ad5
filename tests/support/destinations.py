"""Reading a destination without headrace: a callable that answers SQL, the same for DuckDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import psycopg

Query: TypeAlias = Callable[[str], list[tuple[Any, ...]]]


def duckdb_file(path: Path) -> Query:
    """Return a reader of a DuckDB file. The service must have ended: it is the file's only process."""

    def query(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path), read_only=True) as connection:
            # By Arrow: DuckDB's own way to hand out timestamps needs a package that nobody else here does.
            return [tuple(row.values()) for row in connection.sql(sql).to_arrow_table().to_pylist()]

    return query


def postgres(dsn: str) -> Query:
    """Return a reader of a PostgreSQL database; each query sees what is committed when it begins."""

    def query(sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn, autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()

    return query


def tables(query: Query, dataset: str) -> set[str]:
    """Return the names of all tables in the dataset."""
    return {
        name for (name,) in query(f"select table_name from information_schema.tables where table_schema = '{dataset}'")
    }


def position(query: Query, dataset: str) -> dict[tuple[str, int], int]:
    """Return the stored next offset of each partition; empty before the first claim."""
    if "_hr_offsets" not in tables(query, dataset):
        return {}
    rows = query(f'select topic, "partition", next_offset from "{dataset}"._hr_offsets')
    return {(topic, partition): offset for topic, partition, offset in rows}
