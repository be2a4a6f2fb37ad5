"""A batch meets the schema: what the destination must become, and the tables that fit it then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from sinks import AddColumn, Change, Column, CreateTable, Schema, SchemaConflict, SchemaPlan, Table, WidenColumn
from stream.evolve.assign_columns import ColumnAssigner, Settled
from stream.evolve.evolved import Evolved, Misfit
from stream.evolve.infer import infer
from stream.evolve.overflow import folded
from stream.evolve.room import without_room
from stream.evolve.root_rows import ROW_ID, without_roots
from stream.evolve.rules import Rules
from stream.evolve.typed_chunks import Piece, declared_type, pieces_of, type_of
from stream.model import FlatTable
from stream.model.identifiers import is_system
from stream.model.tables import Array


@dataclass(frozen=True, slots=True)
class _Draft:
    """One table of the batch with the columns that its values need; `known` is what is stored of it."""

    flat: FlatTable
    known: Table | None
    settled: Sequence[Settled]


def evolve(schema: Schema, tables: Sequence[FlatTable], rules: Rules) -> Evolved:
    """Return the schema that holds every value of `tables` exactly, the values in its columns, and who stays out. Pure.

    Only additive: new tables, new columns, types that widen, variants for what does not fit. Raises `SchemaConflict`
    when the columns' names were given under another schema; `UnsupportedValue`.
    """
    refused: dict[str, Misfit] = {}
    drafts = [_drafted(schema, flat, rules) for flat in tables]
    while misfits := next(filter(None, _misfits(drafts, rules)), None):
        refused |= misfits
        tables = without_roots(tables, misfits)
        drafts = [_drafted(schema, flat, rules) for flat in tables]
    return _evolved(schema, drafts, refused)


def _drafted(schema: Schema, flat: FlatTable, rules: Rules) -> _Draft:
    known = schema.tables.get(flat.name)
    settled: Sequence[Settled] = _settle(known, flat, rules)
    if rules.overflow == "json":
        settled = folded(known or Table(flat.name), flat, settled, rules.max_columns)
    return _Draft(flat, known, settled)


def _misfits(drafts: Sequence[_Draft], rules: Rules) -> Iterator[Mapping[str, Misfit]]:
    """Yield for each table the rows that it cannot take; an empty mapping when it takes all."""
    for draft in drafts:
        stored = len(draft.known.columns) if draft.known else 0
        yield without_room(draft.flat, draft.settled, stored, rules.max_columns)


def _evolved(schema: Schema, drafts: Sequence[_Draft], refused: Mapping[str, Misfit]) -> Evolved:
    target = dict(schema.tables)
    changes: list[Change] = []
    fitted: dict[str, pa.Table] = {}
    for draft in drafts:
        target[draft.flat.name] = table = _grown(draft)
        changes += _changes(draft.known, table, draft.settled)
        fitted[draft.flat.name] = _conformed(table, draft.flat, draft.settled)
    after = Schema(schema.version + 1, target) if changes else schema
    return Evolved(SchemaPlan(schema, after, tuple(changes)), fitted, refused)


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
    """Return the column that `pieces` need; None without values, except for a system column and one of a schema."""
    system = is_system(name)
    declared = declared_type(flat, name)
    if pieces:
        kind = infer(pieces, detect_timestamps=rules.detect_timestamps and not system and not declared)
        return Column(name, kind, nullable=name != ROW_ID, source=flat.origins.get(name, ()))
    if declared:
        return Column(name, declared, source=flat.origins.get(name, ()))
    if not system:
        return None
    kept = next(type_of(c.schema.field(name).type) for c in flat.chunks if name in c.column_names)
    return Column(name, kept) if kept else None


def _check_origin(column: Column, flat: FlatTable) -> None:
    origin = flat.origins.get(column.name, ())
    if column.source and origin and column.source != origin:
        raise SchemaConflict(
            f"{flat.name}.{column.name} holds {'.'.join(column.source)}, not {'.'.join(origin)}: "
            "the batch was normalized with the names of another schema; normalize it again with this one"
        )


def _grown(draft: _Draft) -> Table:
    table = draft.known or Table(draft.flat.name, parent=draft.flat.parent, source=draft.flat.source)
    new = {each.column.name: each.column for each in draft.settled if each.was != each.column.type}
    return replace(table, columns={**table.columns, **new}) if new else table


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
