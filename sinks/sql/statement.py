"""SQL text and its parameters, as SQLAlchemy's compiler gives them. Nothing here formats a name into SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ClauseElement

Value: TypeAlias = str | int | bool | bytes | datetime | None
T = TypeVar("T")

# PostgreSQL takes 65,535 parameters in a statement; no row of ours has more than 20.
MOST_ROWS: Final = 1_000

# PostgreSQL's SQL with $1, $2 ... for parameters. DuckDB reads it too, and "%" and ":" in a name mean nothing in it.
_COMPILER: Final = postgresql.base.PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as SQLAlchemy has it


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, ready for a driver; `parameters` stand for `$1`, `$2` and so on."""

    text: str
    parameters: tuple[Value, ...] = ()


def render(clause: ClauseElement) -> Statement:
    """Return the SQL of a SQLAlchemy construct."""
    compiled = clause.compile(dialect=_COMPILER, compile_kwargs={"render_postcompile": True})
    order: Sequence[str] = getattr(compiled, "positiontup", None) or ()
    values = compiled.params or {}
    return Statement(str(compiled).strip(), tuple(values[name] for name in order))


def literal(clause: ClauseElement) -> str:
    """Return the SQL of a SQLAlchemy construct with its values written into it, quoted by SQLAlchemy."""
    return str(clause.compile(dialect=_COMPILER, compile_kwargs={"literal_binds": True})).strip()


def chunked(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return `rows` in parts that one statement each can bring as parameters."""
    return (rows[start : start + MOST_ROWS] for start in range(0, len(rows), MOST_ROWS))


def quoted(name: str) -> sa.quoted_name:
    """Return a name that is always quoted, whatever it looks like."""
    return sa.quoted_name(name, quote=True)
