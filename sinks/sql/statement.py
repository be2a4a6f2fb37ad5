"""SQL text and its parameters, as SQLAlchemy's compiler gives them. Nothing here formats a name into SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ClauseElement

Scalar: TypeAlias = str | int | bool | bytes | datetime | None
Value: TypeAlias = Scalar | Sequence[Scalar]
T = TypeVar("T")

# PostgreSQL takes 65,535 parameters in a statement; no row of ours has more than 20.
MOST_ROWS: Final = 1_000

_CATALOG_ENDS: Final = "\0"  # in no name


class _Preparer(postgresql.base.PGIdentifierPreparer):
    """Quotes the name of a schema that may have its catalog in front of it."""

    def quote_schema(self, schema: str, force: Any = None) -> str:
        return ".".join(map(self.quote_identifier, schema.split(_CATALOG_ENDS)))

    format_schema = quote_schema


class _Compiler(postgresql.base.PGDialect):
    preparer = _Preparer


# PostgreSQL's SQL with $1, $2 ... for parameters. DuckDB reads it too, and "%" and ":" in a name mean nothing in it.
_COMPILER: Final = _Compiler(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as SQLAlchemy has it


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, ready for a driver; `parameters` stand for `$1`, `$2` and so on."""

    text: str
    parameters: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """The constant text of a statement that a stream repeats: compiled once, filled with each use.

    Compiling takes a millisecond under the interpreter's lock. Rows come as one list a column, so that their number
    does not change the text.
    """

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Value]

    def fill(self, **values: Value) -> Statement:
        """Return the statement with these values for its parameters."""
        given = {**self.constants, **values}
        return Statement(self.text, tuple(given[name] for name in self.names))


def render(clause: ClauseElement) -> Statement:
    """Return the SQL of a SQLAlchemy construct."""
    return template(clause).fill()


def template(clause: ClauseElement) -> Template:
    """Return the SQL of a SQLAlchemy construct, its `bindparam`s to be filled."""
    compiled = clause.compile(dialect=_COMPILER, compile_kwargs={"render_postcompile": True})
    order: Sequence[str] = getattr(compiled, "positiontup", None) or ()
    return Template(str(compiled).strip(), tuple(order), dict(compiled.params or {}))


def literal(clause: ClauseElement) -> str:
    """Return the SQL of a SQLAlchemy construct with its values written into it, quoted by SQLAlchemy."""
    return str(clause.compile(dialect=_COMPILER, compile_kwargs={"literal_binds": True})).strip()


def chunked(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return `rows` in parts that one statement each can bring as parameters."""
    return (rows[start : start + MOST_ROWS] for start in range(0, len(rows), MOST_ROWS))


def rows_of(name: str, columns: Mapping[str, Any]) -> sa.Subquery:
    """Return a table made of one list a column: the parameters are named like the columns."""
    lists = {c: sa.cast(sa.bindparam(c, required=True), sa.ARRAY(kind)) for c, kind in columns.items()}
    return sa.select(*(sa.func.unnest(values).label(quoted(c)) for c, values in lists.items())).subquery(quoted(name))


def by_column(names: Iterable[str], rows: Sequence[Sequence[Scalar]]) -> dict[str, list[Scalar]]:
    """Return rows as one list for each name."""
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def namespace(catalog: str | None, dataset: str) -> str:
    """Return a dataset's name for statements: in its catalog, where that has one, so that it means no other catalog."""
    return dataset if catalog is None else f"{catalog}{_CATALOG_ENDS}{dataset}"


def literal_name(space: str, name: str) -> str:
    """Return the text of a table's full name, for functions that take it as a value."""
    return _Preparer(_COMPILER).format_table(sa.Table(quoted(name), sa.MetaData(), schema=quoted(space)))


def quoted(name: str) -> sa.quoted_name:
    """Return a name that is always quoted, whatever it looks like."""
    return sa.quoted_name(name, quote=True)
