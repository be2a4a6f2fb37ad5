"""What a plan makes of the destination's tables, as lines that people read, with a style each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sinks import SchemaPlan

Line: TypeAlias = tuple[str, str]


def table_lines(plan: SchemaPlan, tables: Mapping[str, str]) -> Iterator[Line]:
    """Yield these tables of a plan, each with the note beside its name, and their columns: `+` new, `~` wider."""
    for table, note in tables.items():
        known = plan.base.tables.get(table)
        yield f"{'  ' if known else '+ '}{table}{note}", "" if known else "green"
        for column in plan.target.tables[table].columns.values():
            before = known.columns.get(column.name) if known else None
            if before is None:
                yield f"+   {column.name} {column.type}{'' if column.nullable else ' not null'}", "green"
            elif before.type != column.type:
                yield f"~   {column.name} {before.type} -> {column.type}", "yellow"
            else:
                yield f"    {column.name} {column.type}", "dim"


def statement_lines(statements: Iterable[str]) -> Iterator[Line]:
    """Yield DDL."""
    for statement in statements:
        yield statement, "cyan"


def print_lines(lines: Iterable[Line], *, to_stderr: bool = False) -> None:
    """Print lines, coloured on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, stderr=to_stderr)
    for line, style in lines:
        console.print(Text(line, style=style))
