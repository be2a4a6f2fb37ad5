"""What tells two versions of a schema apart, as values and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from sinks import Column, Schema, Table
from sinks.schema import NO_HINTS
from sinks.write_document import write_to_document

Kind: TypeAlias = Literal[
    "table_added", "table_removed", "column_added", "column_removed", "type", "nullable", "write", "hints"
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; `before` or `after` is None where it is not there at all."""

    kind: Kind
    table: str
    column: str | None = None
    before: str | None = None
    after: str | None = None

    @property
    def text(self) -> str:
        """Return it as a person would say it, with `+`, `-` or `~` in front."""
        name = self.table if self.column is None else f"{self.table}.{self.column}"
        match self.kind:
            case "table_added":
                return f"+ table {name} ({self.after})"
            case "table_removed":
                return f"- table {name} ({self.before})"
            case "column_added":
                return f"+ column {name} {self.after}"
            case "column_removed":
                return f"- column {name} {self.before}"
            case _:
                return f"~ {name}: {self.before} -> {self.after}"


def differences(before: Schema, after: Schema) -> tuple[Difference, ...]:
    """Return what differs from `before` to `after`, in the order of tables and columns. Pure."""
    names = dict.fromkeys((*before.tables, *after.tables))
    return tuple(each for name in names for each in _of_table(before.tables.get(name), after.tables.get(name)))


def described(column: Column) -> str:
    """Return type and traits of a column: `bigint not null, from orderId`."""
    variant = f", variant of {column.variant_of}" if column.variant_of else ""
    origin = ".".join(column.source)
    source = f", from {origin}" if origin and origin != column.name else ""
    hints = f", {_hints(column)}" if column.hints != NO_HINTS else ""
    return f"{column.type}{'' if column.nullable else ' not null'}{variant}{source}{hints}"


def written(table: Table) -> str:
    """Return how a table is written: `merge by id, upsert`."""
    said = write_to_document(table.write)
    key = f" by {', '.join(said['key'])}" if said.get("key") else ""
    traits = [str(said["strategy"])] if "strategy" in said else []
    traits += [
        f"{name} {_plain(said[name])}" for name in ("merge_key", "sort", "soft_delete", "partial") if said.get(name)
    ]
    return ", ".join([f"{said['disposition']}{key}", *traits])


def _of_table(before: Table | None, after: Table | None) -> Iterator[Difference]:
    match before, after:
        case None, Table():
            yield Difference("table_added", after.name, after=f"{len(after.columns)} columns, {written(after)}")
        case Table(), None:
            yield Difference("table_removed", before.name, before=f"{len(before.columns)} columns, {written(before)}")
        case Table(), Table():
            if before.write != after.write:
                yield Difference("write", after.name, None, written(before), written(after))
            yield from _of_columns(after.name, before.columns, after.columns)


def _of_columns(table: str, before: Mapping[str, Column], after: Mapping[str, Column]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was is None and now is not None:
            yield Difference("column_added", table, name, None, described(now))
        elif now is None and was is not None:
            yield Difference("column_removed", table, name, described(was), None)
        elif was is not None and now is not None:
            yield from _of_column(table, was, now)


def _of_column(table: str, was: Column, now: Column) -> Iterator[Difference]:
    if was.type != now.type:
        yield Difference("type", table, now.name, str(was.type), str(now.type))
    if was.hints != now.hints:
        yield Difference("hints", table, now.name, _hints(was), _hints(now))
    if was.nullable != now.nullable:
        yield Difference("nullable", table, now.name, _null(was), _null(now))


def _hints(column: Column) -> str:
    said = {name: value for name, value in asdict(column.hints).items() if value}
    return ", ".join(name if value is True else f"{name} {value}" for name, value in said.items()) or "no hints"


def _null(column: Column) -> str:
    return "null" if column.nullable else "not null"


def _plain(value: Any) -> str:
    return "yes" if value is True else str(value)
