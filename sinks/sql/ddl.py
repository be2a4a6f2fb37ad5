"""Statements that make a schema true: pure, one per change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateSchema, DDLElement
from sqlalchemy.schema import CreateTable as CreateTableElement
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import UserDefinedType

from sinks.changes import AddColumn, Change, CreateTable, WidenColumn
from sinks.history import is_history_root, version_key
from sinks.merging import ROOT_ID, unique_key
from sinks.schema import Column, Table
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, namespace, quoted, render
from sinks.write import Merge, Scd2


class _Spelled(UserDefinedType[Any]):
    """A column type that is written as the dialect spells it."""

    cache_ok = True

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling

    def get_col_spec(self, **_: object) -> str:
        """Return the type as DDL wants it."""
        return self.spelling


class _Alter(DDLElement):
    """What all `ALTER TABLE` statements here have: a table and one of its columns."""

    inherit_cache = False

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        (self.column,) = table.columns


class _AddColumn(_Alter):
    pass


class _RetypeColumn(_Alter):
    pass


class _DropNotNull(_Alter):
    pass


class _CreateIndex(DDLElement):
    inherit_cache = False

    def __init__(self, table: sa.Table, column: sa.Column[Any], *, unique: bool = False) -> None:
        self.table = table
        self.column = column
        self.unique = unique


class _Comment(DDLElement):
    inherit_cache = False

    def __init__(self, table: sa.Table, column: sa.Column[Any], text: str) -> None:
        self.table = table
        self.column = column
        self.text = text


class _UseDataset(DDLElement):
    inherit_cache = False

    def __init__(self, verb: str, dataset: str) -> None:
        self.verb = verb
        self.dataset = dataset


def create_dataset(dataset: str) -> Statement:
    """Return the statement that creates the namespace of all tables."""
    return render(CreateSchema(quoted(dataset), if_not_exists=True))


def use_dataset(dialect: Dialect, dataset: str) -> Statement:
    """Return the statement that makes names without a schema mean the tables of `dataset`."""
    return render(_UseDataset(dialect.use, namespace(dialect.catalog, dataset)))


def create_system_table(dialect: Dialect, dataset: str, table: Table, key: Collection[str]) -> Statement:
    """Return the statement that creates one of our own tables where it is missing."""
    return render(CreateTableElement(table_of(dialect, dataset, table, key), if_not_exists=True))


def create_staging(dialect: Dialect, table: Table) -> Statement:
    """Return the statement that creates a temporary table, where it is missing, that a commit empties."""
    columns = _columns(dialect, table, ())
    staging = sa.Table(
        quoted(table.name), sa.MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DELETE ROWS"
    )
    return render(CreateTableElement(staging, if_not_exists=True))


def create_scratch(dialect: Dialect, table: Table) -> Statement:
    """Return the statement that creates a temporary table, where it is missing, that lasts as long as its session."""
    scratch = sa.Table(quoted(table.name), sa.MetaData(), *_columns(dialect, table, ()), prefixes=["TEMPORARY"])
    return render(CreateTableElement(scratch, if_not_exists=True))


def alter(dialect: Dialect, dataset: str, change: Change) -> tuple[Statement, ...]:
    """Return the statements of one change. Not `IF NOT EXISTS`: somebody else's table must not be taken for ours."""
    match change:
        case CreateTable(table):
            return tuple(_create(dialect, dataset, table))
        case AddColumn(table, column):
            target = _table_with(dialect, dataset, table, column)
            return (render(_AddColumn(target)), *_comments(target, (column,)))
        case WidenColumn(table, column, was):
            target = _table_with(dialect, dataset, table, column)
            retype = (render(_RetypeColumn(target)),) if column.type != was else ()
            return (*retype, render(_DropNotNull(target))) if column.nullable else retype
        case _:
            assert_never(change)


def _create(dialect: Dialect, dataset: str, table: Table) -> Iterator[Statement]:
    """Yield what makes a table, with the indexes that merging needs where the dialect merges by index."""
    key = _key_of(table) if dialect.merges_by_index else ()
    yield render(CreateTableElement(made := table_of(dialect, dataset, table, key)))
    if dialect.merges_by_index and table.parent is not None and isinstance(table.write, (Merge, Scd2)):
        yield render(_CreateIndex(made, made.c[ROOT_ID]))
    if dialect.indexes:
        yield from _indexes(made, table)
    yield from _comments(made, table.columns.values())


def _indexes(made: sa.Table, table: Table) -> Iterator[Statement]:
    """Yield the indexes that hints ask for: they come with the table, while it is empty."""
    for column in table.columns.values():
        if column.hints.unique or column.hints.sort or column.hints.cluster:
            yield render(_CreateIndex(made, made.c[column.name], unique=column.hints.unique))


def _comments(made: sa.Table, columns: Iterable[Column]) -> Iterator[Statement]:
    for column in columns:
        if column.hints.description:
            yield render(_Comment(made, made.c[column.name], column.hints.description))


def _key_of(table: Table) -> tuple[str, ...]:
    return version_key(table) if is_history_root(table) else unique_key(table)


def table_of(dialect: Dialect, dataset: str, table: Table, key: Collection[str] = ()) -> sa.Table:
    """Return `table` as SQLAlchemy sees it."""
    return sa.Table(quoted(table.name), sa.MetaData(), *_columns(dialect, table, key), schema=quoted(dataset))


def _columns(dialect: Dialect, table: Table, key: Collection[str]) -> list[sa.Column[Any]]:
    return [
        sa.Column(
            quoted(column.name),
            _Spelled(dialect.type_name(column.type)),
            nullable=column.nullable,
            primary_key=column.name in key,
            autoincrement=False,
        )
        for column in table.columns.values()
    ]


def _table_with(dialect: Dialect, dataset: str, table: str, column: Column) -> sa.Table:
    return table_of(dialect, dataset, Table(table, {column.name: column}))


@compiles(_UseDataset)
def _compile_use(element: _UseDataset, compiler: DDLCompiler, **_: object) -> str:
    return f"{element.verb} {compiler.preparer.quote_schema(element.dataset)}"


@compiles(_CreateIndex)
def _compile_index(element: _CreateIndex, compiler: DDLCompiler, **_: object) -> str:
    preparer = compiler.preparer  # the server names the index: a name of ours could be taken, or too long
    verb = "CREATE UNIQUE INDEX" if element.unique else "CREATE INDEX"
    return f"{verb} ON {preparer.format_table(element.table)} ({preparer.format_column(element.column)})"


@compiles(_Comment)
def _compile_comment(element: _Comment, compiler: DDLCompiler, **_: object) -> str:
    preparer = compiler.preparer  # no parameter can stand in DDL
    text = element.text.replace("\0", " ").replace("\\", "\\\\").replace("'", "''")
    column = f"{preparer.format_table(element.table)}.{preparer.format_column(element.column)}"
    return f"COMMENT ON COLUMN {column} IS E'{text}'"


@compiles(_AddColumn)
def _compile_add(element: _AddColumn, compiler: DDLCompiler, **_: object) -> str:
    table = compiler.preparer.format_table(element.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.get_column_specification(element.column)}"


@compiles(_RetypeColumn)
def _compile_retype(element: _RetypeColumn, compiler: DDLCompiler, **_: object) -> str:
    return f"{_alter_column(element, compiler)} TYPE {compiler.type_compiler.process(element.column.type)}"


@compiles(_DropNotNull)
def _compile_drop(element: _DropNotNull, compiler: DDLCompiler, **_: object) -> str:
    return f"{_alter_column(element, compiler)} DROP NOT NULL"


def _alter_column(element: _Alter, compiler: DDLCompiler) -> str:
    table = compiler.preparer.format_table(element.table)
    return f"ALTER TABLE {table} ALTER COLUMN {compiler.preparer.format_column(element.column)}"
