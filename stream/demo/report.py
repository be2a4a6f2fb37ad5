"""What the demo shows at its end: tables, schema changes, rejects and the proof."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table as Grid

from stream.demo.proof import Proof, opened


def show(console: Console, database: Path, dataset: str, proof: Proof) -> None:
    """Print what is in `database`, and how it agrees with the broker."""
    with opened(database) as connection:
        connection.execute(f'use demo_file."{dataset}"')
        console.print(_grid("Tables", ("table", "rows", "columns"), _tables(connection)))
        console.print(_grid("Schema changes", ("version", "change"), _schema_changes(connection)))
        rejects = connection.execute(
            'select reason, count(*), any_value("error") from _hr_rejects group by reason order by reason'
        ).fetchall()
        console.print(_grid("Rejects", ("reason", "records", "for example"), rejects))
    console.print(_verdict(proof))


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    listed = connection.execute(
        "select table_name, column_count from duckdb_tables() "
        "where schema_name = current_schema() and not starts_with(table_name, '_hr_') order by table_name"
    ).fetchall()
    return [(name, len(connection.table(name)), columns) for name, columns in listed]


def _schema_changes(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    versions = connection.execute("select version, document from _hr_schemas order by version").fetchall()
    known: set[tuple[str, str]] = set()
    rows: list[tuple[object, ...]] = []
    for version, document in versions:
        columns = _columns(json.loads(document))
        tables_before = {table for table, _ in known}
        new_tables = dict.fromkeys(table for table, _ in columns if table not in tables_before)
        rows += [(version, f"new table {table}") for table in new_tables]
        rows += [
            (version, f"new column {table}.{column} ({kind})")
            for (table, column), kind in columns.items()
            if table in tables_before and (table, column) not in known
        ]
        known |= columns.keys()
    return rows


def _columns(document: dict[str, object]) -> dict[tuple[str, str], str]:
    tables = document["tables"]
    assert isinstance(tables, dict)  # noqa: S101
    return {
        (table, column): described["type"]
        for table, described_table in tables.items()
        for column, described in described_table["columns"].items()
    }


def _grid(title: str, heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> Grid:
    grid = Grid(title=title, title_justify="left", title_style="bold")
    for head in heads:
        grid.add_column(head)
    for row in rows:
        grid.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return grid


def _verdict(proof: Proof) -> str:
    colour = "green" if proof.holds else "red"
    return (
        f"[bold {colour}]{proof.produced:,} produced = {proof.rows:,} in tables + {proof.rejects:,} rejects; "
        f"{proof.missing:,} missing, {proof.twice:,} twice, {proof.strangers + proof.altered:,} altered[/]"
    )
