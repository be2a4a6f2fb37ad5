"""Kafka's tombstones as deletes: the record's key says which row goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from sinks import Column, Table
from sinks.merging import OFFSET, PARTITION, ROW_ID, TIME
from stream.dispositions.keys import key_of, key_text, without_envelope
from stream.dispositions.wish import KAFKA_KEY, KeyFormat


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Deletes with the columns of key and order of their table; and why others are none, by row id."""

    deletes: pa.Table
    refused: dict[str, str] = field(default_factory=dict)


def tombstones_of(records: pa.Table, table: Table, form: KeyFormat) -> Tombstones:
    """Return the tombstones of a topic as deletes of `table`.

    `records` has `_hr_id`, `_kafka_key`, `_kafka_partition`, `_kafka_offset` and `_kafka_timestamp` of each. A key is
    the Kafka key where that is the table's; else a JSON object with the key's fields, or for one field its value alone.
    """
    key = key_of(table)
    columns = [table.columns[name] for name in key]
    ids: list[Any] = records[ROW_ID].to_pylist()
    rows = [_values(raw, columns, form) for raw in records[KAFKA_KEY].to_pylist()]
    error = f"this tombstone's key has no value for {', '.join(key)}, the key of table {table.name}"
    refused = {row_id: error for row_id, row in zip(ids, rows, strict=True) if row is None}
    kept = [index for index, row in enumerate(rows) if row is not None]
    found = [row for row in rows if row is not None]
    left = records.select([ROW_ID, PARTITION, OFFSET, TIME]).take(pa.array(kept, pa.int64()))
    for index, column in enumerate(columns):
        left = left.append_column(column.name, pa.array([row[index] for row in found], column.type.arrow))
    return Tombstones(left, refused)


def _values(raw: bytes | None, columns: Sequence[Column], form: KeyFormat) -> tuple[Any, ...] | None:
    """Return the value of each key column; None where one is missing or does not fit."""
    if [column.name for column in columns] == [KAFKA_KEY]:
        values: list[Any] = [raw if form == "bytes" else key_text(raw, form)]
    else:
        parsed = _parsed(raw)
        values = [_fitting(_field(parsed, column, alone=len(columns) == 1), column) for column in columns]
    return None if None in values else tuple(values)


def _parsed(raw: bytes | None) -> Any:
    try:
        text = None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None
    try:
        value = None if text is None else json.loads(text)
    except ValueError:
        return text
    return without_envelope(value)


def _field(parsed: Any, column: Column, *, alone: bool) -> Any:
    if not isinstance(parsed, dict):
        return parsed if alone else None
    for key in column.source or (column.name,):
        parsed = parsed.get(key) if isinstance(parsed, dict) else None
    return parsed


def _fitting(value: Any, column: Column) -> Any:
    """Return a JSON value as one of the column, None where it is none."""
    if value is None or isinstance(value, (dict, list)):
        return None
    try:
        return _converted(value, column)
    except (ValueError, InvalidOperation, OverflowError):
        return None


def _converted(value: Any, column: Column) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    match column.type.kind:
        case "text":
            return None if isinstance(value, bool) else text
        case "bool":
            return value if isinstance(value, bool) else None
        case "bigint":
            number = int(value) if isinstance(value, float) and value.is_integer() else int(text)
            return number if -(2**63) <= number < 2**63 else None
        case "double":
            return float(text)
        case "decimal":
            return Decimal(text)
        case "timestamp":
            return datetime.fromisoformat(text)
        case "date":
            return date.fromisoformat(text)
        case _:
            return None
