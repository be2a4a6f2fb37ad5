"""Keys for which a table has no room, in one JSON column: `tables.overflow = "json"`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from sinks.schema import JSON, Column, DataType, Table
from stream.evolve.assign_columns import Settled
from stream.evolve.texts import text_of
from stream.model import FlatTable
from stream.model.identifiers import is_system
from stream.model.tables import Array

OVERFLOW: Final = "_hr_overflow"

_Document = dict[str, Any]  # texts of JSON by key, in objects by the path of original keys


def folded(known: Table, flat: FlatTable, settled: Sequence[Settled], limit: int) -> Sequence[Settled]:
    """Return the columns for which `known` has room, and the values of all others in the column `_hr_overflow`.

    Columns in which many rows have a value stay. Unchanged when everything fits, or not even that column would.
    """
    new = [each for each in settled if each.was is None]
    room = limit - len(known.columns)
    if len(new) <= room:
        return settled
    stored = known.columns.get(OVERFLOW)
    kept = [each for each in new if is_system(each.column.name)]
    rest = sorted((each for each in new if not is_system(each.column.name)), key=_filled, reverse=True)
    free = room - len(kept) - (stored is None)
    if free < 0:
        return settled
    over = {id(each) for each in rest[free:]}
    column = stored or Column(OVERFLOW, JSON)
    values = dict(_documents(flat, [each for each in settled if id(each) in over]))
    return [each for each in settled if id(each) not in over] + [
        Settled(column, values, stored.type if stored else None)
    ]


def _filled(settled: Settled) -> int:
    return sum(len(values) - values.null_count for values in settled.values.values())


def _documents(flat: FlatTable, columns: Sequence[Settled]) -> Iterator[tuple[int, Array]]:
    for index, chunk in enumerate(flat.chunks):
        rows: dict[int, _Document] = {}
        for each in columns:
            if index in each.values:
                _put(each, each.values[index], rows)
        if rows:
            yield (
                index,
                pa.array([_written(rows[row]) if row in rows else None for row in range(len(chunk))], pa.string()),
            )


def _put(each: Settled, values: Array, rows: dict[int, _Document]) -> None:
    *above, key = each.column.source or (each.column.name,)
    for row, text in enumerate(_texts(values, each.column.type)):
        if text is None:
            continue
        place = rows.setdefault(row, {})
        for step in above:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else place
        place[key] = text


def _texts(values: Array, kind: DataType) -> Sequence[str | None]:
    """Return each value as JSON text."""
    match kind.kind:
        case "json":
            texts: list[str | None] = values.to_pylist()
            return texts
        case "bigint" | "double" | "decimal":
            numbers: list[str | None] = text_of(values, kind).to_pylist()
            return numbers
        case _:
            return [None if value is None else json.dumps(_plain(value)) for value in values.to_pylist()]


def _plain(value: Any) -> str | bool:
    match value:
        case str() | bool():
            return value
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return str(value.isoformat())


def _written(document: Mapping[str, Any]) -> str:
    members = (f"{json.dumps(key)}:{_written(of) if isinstance(of, dict) else of}" for key, of in document.items())
    return f"{{{','.join(members)}}}"
