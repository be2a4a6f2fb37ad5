"""The schema that a user wants, made true where the destination has none of it; and the one that is, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sinks import AddColumn, Change, Column, CreateTable, Schema, SchemaPlan, Table, WidenColumn


def _nowhere(schema: Schema) -> None:
    """Write nothing."""


@dataclass(frozen=True, slots=True)
class SchemaFiles:
    """The tables and columns that a user wants, and what writes down the schema after each change."""

    imported: Schema | None = None
    export: Callable[[Schema], None] = _nowhere


NO_FILES: Final = SchemaFiles()


def with_imported(base: Schema, imported: Schema) -> Schema:
    """Return `base` with the tables and columns of `imported` that it lacks; what it has stays as it is.

    A column that comes to a table which is there may be null: the rows before it have no value.
    """
    tables = dict(base.tables)
    for name, wanted in imported.tables.items():
        mine = tables.get(name)
        tables[name] = wanted if mine is None else replace(mine, columns=_with_columns(mine.columns, wanted.columns))
    return replace(base, tables=tables)


def import_plan(stored: Schema, imported: Schema | None) -> SchemaPlan:
    """Return the way from the stored schema to one that has all of `imported`; empty when there is nothing to do."""
    return plan_between(stored, with_imported(stored, imported).tables if imported else stored.tables)


def plan_between(base: Schema, tables: Mapping[str, Table]) -> SchemaPlan:
    """Return the additive way from `base` to a schema of these tables."""
    target = replace(base, version=base.version + 1, tables=tables)
    changes = tuple(changes_between(base, target))
    return SchemaPlan(base, target, changes) if changes else SchemaPlan(base, base)


def changes_between(base: Schema, target: Schema) -> Iterator[Change]:
    """Yield the additive steps from one schema to another, parents before children."""
    for name, table in target.tables.items():
        if name not in base.tables:
            yield CreateTable(table)
            continue
        known = base.tables[name].columns
        for column in table.columns.values():
            if column.name not in known:
                yield AddColumn(name, column)
            elif known[column.name].type != column.type:
                yield WidenColumn(name, column, known[column.name].type)


def _with_columns(mine: Mapping[str, Column], wanted: Mapping[str, Column]) -> Mapping[str, Column]:
    new = {name: replace(column, nullable=True) for name, column in wanted.items() if name not in mine}
    return {**mine, **new}
