"""Statements that move rows of user tables: pure, and cached, since a stream repeats them with each batch."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from sinks.schema import EXACT_IN_DOUBLE
from sinks.sql.statement import Statement, literal, quoted, render

CopyFormat: TypeAlias = Literal["csv", "binary"]


class _CopyFrom(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, table: sa.Table, form: CopyFormat) -> None:
        self.table = table
        self.form = form


@compiles(_CopyFrom)
def _compile_copy(element: _CopyFrom, compiler: SQLCompiler, **_: object) -> str:
    table = compiler.preparer.format_table(element.table)
    columns = ", ".join(map(compiler.preparer.format_column, element.table.columns))
    return f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT {element.form}, ENCODING 'UTF8')"


@lru_cache(maxsize=512)
def copy_from(dataset: str, table: str, columns: tuple[str, ...], form: CopyFormat) -> Statement:
    """Return the `COPY` that reads these columns from the client."""
    return render(_CopyFrom(_table(dataset, table, columns), form))


@lru_cache(maxsize=512)
def insert_from(view: str, dataset: str, table: str, columns: tuple[str, ...]) -> Statement:
    """Return the insert that takes these columns, by name, from `view`: an Arrow table registered with the engine."""
    target = _table(dataset, table, columns)
    source = sa.Table(quoted(view), sa.MetaData(), *map(_column, columns))
    return render(sa.insert(target).from_select(list(columns), sa.select(source)))


def select_from(dataset: str, table: str, columns: tuple[str, ...], limit: int | None) -> str:
    """Return the query for these columns of a table, or for all."""
    target = _table(dataset, table, columns)
    what = list(target.columns) if columns else [sa.text("*")]
    rows: sa.Select[Any] = sa.select(*what).select_from(target)
    return literal(rows if limit is None else rows.limit(limit))


@lru_cache(maxsize=512)
def delete_all(dataset: str, table: str) -> Statement:
    """Return the delete of all rows. Not TRUNCATE: readers would see an empty table, or wait."""
    return render(sa.delete(_table(dataset, table, ())))


def count(dataset: str, table: str, at_most: int) -> Statement:
    """Return the query for the number of rows that reads no more than `at_most` of them."""
    rows = sa.select(sa.literal_column("1")).select_from(_table(dataset, table, ())).limit(at_most).subquery("counted")
    return render(sa.select(sa.func.count()).select_from(rows))


def beyond_double(dataset: str, table: str, column: str) -> Statement:
    """Return the query for whether a column has an integer beyond those that are all doubles: one row, or none."""
    target = _table(dataset, table, (column,))
    (integers,) = target.columns
    within = integers.between(-EXACT_IN_DOUBLE, EXACT_IN_DOUBLE)
    return render(sa.select(sa.literal_column("1")).select_from(target).where(sa.not_(within)).limit(1))


def _table(dataset: str, table: str, columns: tuple[str, ...]) -> sa.Table:
    return sa.Table(quoted(table), sa.MetaData(), *map(_column, columns), schema=quoted(dataset))


def _column(name: str) -> sa.Column[object]:
    return sa.Column(quoted(name))
