"""Flat tables with fields left out and values replaced, before they meet the schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from stream.model import FlatTable
from stream.model.field_paths import FieldPath
from stream.model.identifiers import is_system
from stream.model.json_text import json_text
from stream.model.table_places import TablePlace, places_of
from stream.model.tables import DECLARED_MARK, is_declared, is_json, whole
from stream.transform.pseudonyms import replaced
from stream.transform.rules import TransformRules
from stream.transform.times import times_in

_OPAQUE: Final = frozenset({"_kafka_key", "_kafka_headers"})  # what a user may hide among the columns that we add


def transform(tables: Sequence[FlatTable], rules_of: Callable[[str], TransformRules]) -> tuple[FlatTable, ...]:
    """Return `tables` with the fields that stay and the values that take the place of others. Pure.

    `rules_of` gives the rules by the original name of the root table. `tables`: parents before children, as `normalize`
    gives them. A child table of which no field stays is left out as a whole.
    """
    places = places_of(tables)
    changed = [
        _Transformer(rules_of(places[table.name].original), places[table.name]).transform(table) for table in tables
    ]
    wanted: set[str | None] = set()
    for table in reversed(changed):  # a table of which nothing stays is there for the sake of what lies below it
        if table.parent is None or table.origins or table.name in wanted:
            wanted |= {table.name, table.parent}
    return tuple(table for table in changed if table.name in wanted)


class _Transformer:
    """Applies the rules of one root table to one of its tables."""

    def __init__(self, rules: TransformRules, place: TablePlace) -> None:
        self._rules = rules
        self._place_of_table = place

    def transform(self, table: FlatTable) -> FlatTable:
        """Return `table` as the rules want it; without `origins` where nothing of it stays."""
        if not self._rules:
            return table
        chunks = tuple(self._chunk(table, chunk) for chunk in table.chunks)
        origins = {n: p for n, p in table.origins.items() if any(n in chunk.column_names for chunk in chunks)}
        return replace(table, chunks=chunks, origins=origins)

    def _chunk(self, table: FlatTable, chunk: pa.Table) -> pa.Table:
        pairs = [pair for field, column in zip(chunk.schema, chunk.columns, strict=True)
                 for pair in self._column(table, field, column)]  # fmt: skip
        return pa.Table.from_arrays([column for _, column in pairs], schema=pa.schema([field for field, _ in pairs]))

    def _column(
        self, table: FlatTable, field: pa.Field[Any], column: pa.ChunkedArray[Any]
    ) -> Iterator[tuple[pa.Field[Any], Any]]:
        place = self._place(table, field.name)
        if place is None:
            yield field, column
            return
        inside = is_json(field) and self._rules.reach_below(place.keys)
        action = self._rules.replacement(place)
        if not self._rules.keeps(place) and not (inside and self._rules.include):
            return
        declared = is_declared(field)
        if action is not None and (declared or column.null_count < len(column)):
            marks = DECLARED_MARK if declared else None
            yield pa.field(field.name, pa.string(), metadata=marks), replaced(whole(column), action)
        elif inside:
            yield field, pa.array([text and self._json(text, place) for text in column.to_pylist()], pa.string())
        elif (form := self._rules.time_format(place)) is not None:
            yield from ((pa.field(field.name, each.type), each) for each in times_in(whole(column), form))
        else:
            yield field, column

    def _place(self, table: FlatTable, name: str) -> FieldPath | None:
        """Return where a column's values are in the event; None for the columns that always stay."""
        if is_system(name):
            return FieldPath((name,), name) if name in _OPAQUE else None
        return self._place_of_table.field(table, name)

    def _json(self, text: str, place: FieldPath) -> str | None:
        value = self._value(json.loads(text, parse_float=Decimal), place)
        return None if value is None else json_text(value, place.keys)

    def _value(self, value: Any, place: FieldPath) -> Any:
        if isinstance(value, dict):
            below = ((key, FieldPath((*place.keys, key), f"{place.column}__{key}")) for key in value)
            members = {key: self._value(value[key], inner) for key, inner in below}
            return {key: member for key, member in members.items() if member is not None} or None
        if isinstance(value, list):
            return [self._value(element, place) for element in value]
        if value is None or not self._rules.keeps(place):
            return None
        action = self._rules.replacement(place)
        return value if action is None else action(value)
