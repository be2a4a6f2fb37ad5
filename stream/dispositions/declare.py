"""How tables are written, put into the plan that makes them; a table that is there keeps its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from sinks import Append, Change, Column, CreateTable, Merge, Replace, Scd2, Schema, SchemaPlan, Table, Write
from sinks.history import VERSION_COLUMNS
from sinks.schema import TIMESTAMP
from stream.dispositions.keys import key_of
from stream.errors import SchemaRefused


class DispositionChanged(SchemaRefused):
    """A table is there and is written in another way than is wished now."""


def check_unchanged(table: Table, wished: Write) -> None:
    """Raise `DispositionChanged` when a stored table is written in another way."""
    if table.write != wished:
        raise DispositionChanged(
            f"table {table.name} was made to be written with {described(table.write)}, and the settings now say "
            f"{described(wished)}: rows that are there were not written so. Put the settings back, load into another "
            "dataset or table, or drop the table and read its topic again from the start"
        )


def declared(plan: SchemaPlan, writes: Mapping[str, Write]) -> SchemaPlan:
    """Return `plan` with the new tables written as `writes` says of their root tables, by name. Pure."""
    if not any(isinstance(change, CreateTable) for change in plan.changes):
        return plan
    changes = tuple(_declared(change, plan.target, writes) for change in plan.changes)
    made = {change.table.name: change.table for change in changes if isinstance(change, CreateTable)}
    return SchemaPlan(plan.base, Schema(plan.target.version, {**plan.target.tables, **made}), changes)


def described(write: Write) -> str:
    """Return a write disposition for people."""
    match write:
        case Append():
            return "append"
        case Replace():
            return "replace"
        case Merge():
            sort = f", sorted by {', '.join(by.column for by in write.sort)}" if write.sort else ""
            soft = f", soft deletes in {write.soft_delete}" if write.soft_delete else ""
            return f"merge ({write.strategy}) by {', '.join(write.key)}{sort}{soft}"
        case Scd2():
            sort = f", sorted by {', '.join(by.column for by in write.sort)}" if write.sort else ""
            return f"scd2 by {', '.join(write.key)}{sort}"
        case _:
            assert_never(write)


def _declared(change: Change, target: Schema, writes: Mapping[str, Write]) -> Change:
    if not isinstance(change, CreateTable):
        return change
    table = change.table
    write = writes.get(_root(table, target)) or target.tables[_root(table, target)].write
    table = replace(table, write=write)
    return CreateTable(table if table.parent is not None else _with_key(table, write))


def _with_key(table: Table, write: Write) -> Table:
    for name in key_of(table):
        table = table.adding(replace(table.columns[name], nullable=False))
    match write:
        case Merge(soft_delete=str(name)) if name not in table.columns:
            return table.adding(Column(name, TIMESTAMP))
        case Scd2():
            return replace(table, columns={**table.columns, **{each.name: each for each in VERSION_COLUMNS}})
        case _:
            return table


def _root(table: Table, schema: Schema) -> str:
    while table.parent is not None:
        table = schema.tables[table.parent]
    return table.name
