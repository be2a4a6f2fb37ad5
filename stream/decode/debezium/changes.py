"""Envelopes into rows: the row as it is after a change, the key of a row that was deleted, and what is neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stream.decode.debezium.connect_types import Convert
from stream.model.tables import Array, whole
from stream.model.times import times_of

OP: Final = "_cdc_op"
DELETED: Final = "_cdc_deleted"
SOURCE_TIME: Final = "_cdc_source_ts"
SOURCE_POSITION: Final = "_cdc_source_position"
UNAVAILABLE: Final = "__debezium_unavailable_value"

ENVELOPE: Final = frozenset({"op", "source"})
"""Columns that an envelope has and a row of the flattened form does not."""

MARKS: Final = {"__op": OP, "__deleted": DELETED, "__source_ts_ms": SOURCE_TIME, "__lsn": SOURCE_POSITION}
"""Our names for the marks of the flattened form."""

WRITES: Final = ("c", "u", "r")
POSITIONS: Final = ("lsn", "scn", "pos", "change_lsn", "ord")  # by database, the first that an envelope has


@dataclass(frozen=True, slots=True)
class Changes:
    """What a table of envelopes says. Row numbers are those of the envelopes.

    `rows` are the new rows, as columns, of the envelopes `written`. `deleted` are envelopes of deletes, `about`
    says more of each. `ignored` counts envelopes that change no row, by what they are. `incomplete` are envelopes
    with a value that Debezium did not have.
    """

    rows: pa.Table
    written: Sequence[int]
    deleted: Sequence[int] = ()
    about: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    ignored: Mapping[int, str] = field(default_factory=dict)
    incomplete: Sequence[int] = ()


def changes_of(envelopes: pa.Table, convert: Mapping[str, Convert]) -> Changes:
    """Return the changes in `envelopes`, one a row: columns `op`, `before`, `after`, `source`, as Debezium has them."""
    ops = _column(envelopes, "op", pa.string())
    after = _column(envelopes, "after", pa.struct([]))
    about = _about(envelopes, ops)
    writes = pc.and_(pc.is_in(ops, pa.array(WRITES)), pc.is_valid(after))
    written = _numbers(writes.fill_null(False))
    deleted = _numbers(pc.equal(ops, pa.scalar("d")).fill_null(False))
    rows = _rows(after.take(pa.array(written, pa.int64())), convert) if written else pa.table({})
    incomplete = _incomplete(rows)
    kept = [n for n in range(len(written)) if n not in incomplete]
    for name, values in about.items():
        rows = rows.append_column(name, values.take(pa.array(written, pa.int64())))
    others = set(range(len(ops))) - set(written) - set(deleted)
    return Changes(
        rows.take(pa.array(kept, pa.int64())) if incomplete else rows,
        [written[n] for n in kept],
        deleted,
        {row: {name: values[row].as_py() for name, values in about.items()} for row in deleted},
        {row: f"debezium_{ops[row].as_py() or 'other'}" for row in sorted(others)},
        [written[n] for n in sorted(incomplete)],
    )


def _rows(after: Array, convert: Mapping[str, Convert]) -> pa.Table:
    if not isinstance(after, pa.StructArray):
        return pa.table({"value": after})
    return _converted(pa.Table.from_arrays(after.flatten(), names=[each.name for each in after.type]), convert)


def _converted(rows: pa.Table, convert: Mapping[str, Convert]) -> pa.Table:
    columns = [convert[name](whole(column)) if name in convert else column
               for name, column in zip(rows.column_names, rows.columns, strict=True)]  # fmt: skip
    return pa.Table.from_arrays(columns, names=rows.column_names)


def _about(envelopes: pa.Table, ops: Array) -> dict[str, Array]:
    about: dict[str, Array] = {OP: ops, DELETED: pc.equal(ops, pa.scalar("d")).fill_null(False)}
    source = _column(envelopes, "source", pa.struct([]))
    if not isinstance(source, pa.StructArray):
        return about
    members = {each.name: column for each, column in zip(source.type, source.flatten(), strict=True)}
    if pa.types.is_integer(members.get("ts_ms", ops).type):
        about[SOURCE_TIME] = times_of(members["ts_ms"].cast(pa.int64()))
    position = next((members[name] for name in POSITIONS if name in members), None)
    if position is not None and not pa.types.is_nested(position.type):
        about[SOURCE_POSITION] = position
    return about


def _incomplete(rows: pa.Table) -> frozenset[int]:
    """Return the rows with a value that the database did not send: an unchanged one that is stored out of line."""
    found: set[int] = set()
    for column in rows.columns:
        if pa.types.is_string(column.type):
            found |= set(_numbers(pc.equal(whole(column), pa.scalar(UNAVAILABLE)).fill_null(False)))
    return frozenset(found)


def _column(table: pa.Table, name: str, otherwise: pa.DataType) -> Array:
    if name in table.column_names and table[name].null_count < table.num_rows:
        return whole(table[name])
    empty: Array = pa.array([None] * table.num_rows, otherwise)
    return empty


def _numbers(mask: Array) -> list[int]:
    return [number for number in pc.indices_nonzero(mask).to_pylist() if number is not None]


def flattened(rows: pa.Table, convert: Mapping[str, Convert]) -> pa.Table:
    """Return rows of the flattened form, in their real types, with the marks that it added under our names."""
    rows = _converted(rows, convert)
    renamed = rows.rename_columns([MARKS.get(name, name) for name in rows.column_names])
    if DELETED in renamed.column_names:
        deleted = pc.equal(renamed[DELETED].cast(pa.string()), pa.scalar("true"))
        renamed = renamed.set_column(renamed.column_names.index(DELETED), DELETED, deleted)
    return renamed
