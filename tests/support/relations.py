"""An independent reading of the rules: what rows documents must become, and what rows tables hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sinks import Schema, Table
from stream.model import ArrowDocuments, Documents, RowDocuments

Place = tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]
"""Where a row belongs: the lists on the way to it, by path; the offset of its record and its index in each list."""
Facts = dict[Place, dict[tuple[str, ...], object]]
"""The values of each row, by path from there."""

TOPIC = "orders"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", re.ASCII)


def keys(offsets: Sequence[int]) -> pa.Table:
    """Return what identifies the records at these offsets of partition 0."""
    return pa.table({
        "_kafka_partition": pa.array([0] * len(offsets), pa.int32()),
        "_kafka_offset": pa.array(offsets, pa.int64()),
        "_kafka_timestamp": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * len(offsets), pa.timestamp("us", "UTC")),
    })  # fmt: skip


def loose(values: Sequence[Any], first: int = 0) -> Documents:
    """Return documents for the exact path."""
    return Documents(TOPIC, TOPIC, loose=(RowDocuments(values, keys(range(first, first + len(values)))),))


def columnar(values: Sequence[Mapping[str, Any]], first: int = 0) -> Documents:
    """Return documents for the columnar path; raises `pa.ArrowException` where no Arrow type holds them."""
    nested = pa.array(values)
    assert expected(nested.to_pylist()) == expected(values)
    data = pa.table(dict(zip((f.name for f in nested.type), nested.flatten(), strict=True)))
    return Documents(TOPIC, TOPIC, columnar=(ArrowDocuments(data, keys(range(first, first + len(values)))),))


def expected(documents: Sequence[Any]) -> Facts:
    """Return the rows that these documents must become, read from the rules alone."""
    facts: Facts = {}
    for offset, document in enumerate(documents):
        _element(facts, ((TOPIC,),), (offset,), document)
    return facts


def _element(facts: Facts, lists: tuple[tuple[str, ...], ...], at: tuple[int, ...], value: Any) -> None:
    row = facts.setdefault((lists, at), {})
    members = value if isinstance(value, dict) else {"list" if isinstance(value, list) else "value": value}
    for path, leaf in _leaves((), members):
        if isinstance(leaf, list):
            for index, element in enumerate(leaf):
                _element(facts, (*lists, path), (*at, index), element)
        elif leaf is not None:
            row[path] = meaning(leaf)


def _leaves(path: tuple[str, ...], members: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in members.items():
        if isinstance(value, dict):
            yield from _leaves((*path, key), value)
        else:
            yield (*path, key), value


def held(schema: Schema, tables: Sequence[Mapping[str, pa.Table]]) -> Facts:
    """Return the rows that the batches of `tables` hold; fails where a value is held twice or a row is an orphan."""
    rows = [(schema.tables[name], row) for batch in tables for name, t in batch.items() for row in t.to_pylist()]
    by_id = {row["_hr_id"]: (table, row) for table, row in rows}
    assert len(by_id) == len(rows), "two rows share an id"
    return {_place(by_id, row["_hr_id"]): _values(table, row) for table, row in rows}


def _place(by_id: Mapping[str, tuple[Table, Mapping[str, Any]]], row_id: str) -> Place:
    table, row = by_id[row_id]
    if table.parent is None:
        return (table.source,), (row["_kafka_offset"],)
    parent, _ = by_id[row["_hr_parent_id"]]
    assert parent.name == table.parent
    lists, at = _place(by_id, row["_hr_parent_id"])
    return (*lists, table.source), (*at, row["_hr_list_idx"])


def _values(table: Table, row: Mapping[str, Any]) -> dict[tuple[str, ...], object]:
    values: dict[tuple[str, ...], object] = {}
    for column in table.columns.values():
        if column.source and row.get(column.name) is not None:
            assert column.source not in values, f"{column.source} is held twice in one row"
            values[column.source] = meaning(row[column.name])
    return values


def meaning(value: Any) -> object:
    """Return what a scalar means, in whatever type it is held: a canonical number in text is that number, and so on."""
    match value:
        case bool():
            return ("bool", value)
        case bytes():
            return meaning(value.decode())
        case float():
            return int(value) if value.is_integer() else Decimal(repr(value))
        case str() if _INTEGER.fullmatch(value):
            return int(value)
        case str() if _NUMBER.fullmatch(value):
            return meaning(float(value) if "e" in value else Decimal(value))
        case str() if _TIMESTAMP.fullmatch(value):
            return _instant(value)
        case datetime():
            return value.astimezone(UTC)
        case _:
            return value


def _instant(text: str) -> object:
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        return text
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
