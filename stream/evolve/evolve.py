"""A batch meets the schema: what the destination must become, and the tables that fit it then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from sinks import AddColumn, Change, Column, CreateTable, Schema, SchemaConflict, SchemaPlan, Table, WidenColumn
from stream.evolve.assign_columns import ColumnAssigner, Settled
from stream.evolve.infer import infer
from stream.evolve.rules import Rules, TooManyColumns
from stream.evolve.typed_chunks import Piece, pieces_of, type_of
from stream.model import FlatTable
from stream.model.identifiers import is_system
from stream.model.tables import Array

ROW_ID = "_hr_id"


@dataclass(frozen=True, slots=True)
class Evolved:
    """The way to the schema that the batch needs, and its tables: columns of `plan.target`, in its types and order.

    A nullable column for which the batch has no value is left out of the table.
    """

    plan: SchemaPlan
    tables: Mapping[str, pa.Table] = field(default_factory=dict)


def evolve(schema: Schema, tables: Sequence[FlatTable], rules: Rules) -> Evolved:
    """Return the schema that holds every value of `tables` exactly, and the values in its columns. Pure.

    Only additive: new tables, new columns, types that widen, variants for what does not fit. Raises `TooManyColumns`;
    `SchemaConflict` when the columns' names were given under another schema; `UnsupportedValue`.
    """
    target = dict(schema.tables)
    changes: list[Change] = []
    fitted: dict[str, pa.Table] = {}
    for flat in tables:
        known = schema.tables.get(flat.name)
        settled = _settle(known, flat, rules)
        target[flat.name] = table = _grown(known, flat, settled, rules)
        changes += _changes(known, table, settled)
        fitted[flat.name] = _conformed(table, flat, settled)
    if not changes:
        return Evolved(SchemaPlan(schema, schema), fitted)
    return Evolved(SchemaPlan(schema, Schema(schema.version + 1, target), tuple(changes)), fitted)


def _settle(known: Table | None, flat: FlatTable, rules: Rules) -> list[Settled]:
    stored = known or Table(flat.name)
    brought = pieces_of(flat, stores_nul_text=rules.stores_nul_text)
    taken = {*stored.columns, *brought}
    fixed = {column for table, column in rules.fixed if table == flat.name}
    settler = ColumnAssigner(stored, taken, fixed, rules.max_identifier_bytes)
    settled: list[Settled] = []
    for name, pieces in brought.items():
        column = stored.columns.get(name) or _new_column(name, pieces, flat, rules)
        if column is None:
            continue
        _check_origin(column, flat)
        for each in settler.settle(column, pieces):
            taken.add(each.column.name)
            settled.append(each)
    return settled


def _new_column(name: str, pieces: list[Piece], flat: FlatTable, rules: Rules) -> Column | None:
    """Return the column that `pieces` need; None without values, except for a system column."""
    system = is_system(name)
    if pieces:
        kind = infer(pieces, detect_timestamps=rules.detect_timestamps and not system)
        return Column(name, kind, nullable=name != ROW_ID, source=flat.origins.get(name, ()))
    declared = next(type_of(c.schema.field(name).type) for c in flat.chunks if name in c.column_names)
    return Column(name, declared) if system and declared else None


def _check_origin(column: Column, flat: FlatTable) -> None:
    origin = flat.origins.get(column.name, ())
    if column.source and origin and column.source != origin:
        raise SchemaConflict(
            f"{flat.name}.{column.name} holds {'.'.join(column.source)}, not {'.'.join(origin)}: "
            "the batch was normalized with the names of another schema; normalize it again with this one"
        )


def _grown(known: Table | None, flat: FlatTable, settled: Sequence[Settled], rules: Rules) -> Table:
    table = known or Table(flat.name, parent=flat.parent, source=flat.source)
    new = {each.column.name: each.column for each in settled if each.was != each.column.type}
    if not new:
        return table
    columns = {**table.columns, **new}
    if len(columns) > rules.max_columns:
        raise TooManyColumns(
            f"{flat.name} would need {len(columns)} columns, the destination allows {rules.max_columns}; "
            "set a lower tables.max_nesting to keep wide objects as JSON"
        )
    return replace(table, columns=columns)


def _changes(known: Table | None, table: Table, settled: Sequence[Settled]) -> list[Change]:
    if known is None:
        return [CreateTable(table)]
    return [
        AddColumn(table.name, each.column) if each.was is None else WidenColumn(table.name, each.column, each.was)
        for each in settled
        if each.was != each.column.type
    ]


def _conformed(table: Table, flat: FlatTable, settled: Sequence[Settled]) -> pa.Table:
    """Return the rows of all chunks, with the columns of `table` that have a value here; what a chunk lacks is null.

    A wide table has many columns and a batch uses few: nulls for the others would cost memory for each row.
    """
    values = {each.column.name: each.values for each in settled if each.values}
    present = [column for column in table.columns.values() if column.name in values or not column.nullable]
    columns = []
    for column in present:
        kind, brought = column.type.arrow, values.get(column.name, {})
        chunks: list[Array] = [
            brought[index] if index in brought else pa.nulls(chunk.num_rows).cast(kind)
            for index, chunk in enumerate(flat.chunks)
        ]
        columns.append(pa.chunked_array(chunks))
    return pa.Table.from_arrays(columns, schema=Table(table.name, {c.name: c for c in present}).arrow)
