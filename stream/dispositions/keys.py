"""The keys of a batch's events: which have none, and the text that stands for one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks import Merge, Scd2, Table
from sinks.merging import ROW_ID
from stream.dispositions.wish import KAFKA_KEY, KeyFormat
from stream.model import FlatTable
from stream.model.tables import Array

NULL_KEY: Final = "null_key"

_ENVELOPE: Final = {"schema", "payload"}  # Kafka Connect's JSON converter, with schemas
_MOST_CHARACTERS: Final = 100  # ids of child rows begin with this id


def without_key(table: FlatTable, key: Sequence[str]) -> dict[str, str]:
    """Return, for each root row of `table` that lacks a part of its key, what is missing, by row id."""
    missing: dict[str, str] = {}
    for chunk in table.chunks:
        for column in key:
            present = _present(chunk, column)
            if not pc.all(present).as_py():
                ids: list[Any] = chunk[ROW_ID].filter(pc.invert(present)).to_pylist()
                error = f"{table.name}.{column} is part of the key, and this event has no value for it"
                missing.update(dict.fromkeys(ids, error))
    return missing


def _present(chunk: pa.Table, column: str) -> Any:
    """Return for each row whether it has a value; a name may stand once for each type."""
    present: Any = pa.repeat(pa.scalar(False), chunk.num_rows)
    for field, values in zip(chunk.schema, chunk.columns, strict=True):
        if field.name == column:
            present = pc.or_(present, values.is_valid())
    return present


def key_of(table: Table) -> tuple[str, ...]:
    """Return the columns of a table's key; none where it has none."""
    return table.write.key if isinstance(table.write, (Merge, Scd2)) else ()


def with_key(table: Table, rows: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """Return the rows that have a key, and why the others are refused: its column has another type."""
    refused: dict[str, str] = {}
    for name in key_of(table):
        column: Any = rows[name] if name in rows.column_names else pa.nulls(rows.num_rows)
        if column.null_count:
            lacking: list[Any] = rows[ROW_ID].filter(column.is_null()).to_pylist()
            error = f"{table.name}.{name} is part of the key and of type {table.columns[name].type}, which this is not"
            refused |= dict.fromkeys(lacking, error)
            rows = rows.filter(column.is_valid())
    return rows, refused


def with_kafka_key(table: FlatTable, form: KeyFormat) -> FlatTable:
    """Return the table with the Kafka key as text or JSON text; null where it is neither."""
    if form == "bytes":
        return table
    return replace(table, chunks=tuple(_with_text_key(chunk, form) for chunk in table.chunks))


def _with_text_key(chunk: pa.Table, form: KeyFormat) -> pa.Table:
    index = chunk.schema.get_field_index(KAFKA_KEY)
    if index < 0:
        return chunk
    texts = pa.array([key_text(key, form) for key in chunk[KAFKA_KEY].to_pylist()], pa.string())
    return chunk.set_column(index, KAFKA_KEY, texts)


def key_text(key: bytes | str | None, form: KeyFormat) -> str | None:
    """Return a Kafka key as text: as it is, or as JSON with sorted keys; None where it is no such text.

    Of JSON that Kafka Connect wrote with its schema, the key is the payload: a schema may change, a key does not.
    """
    try:
        text = key.decode() if isinstance(key, bytes) else key
        if text is None or form == "text":
            return text
        return json.dumps(without_envelope(json.loads(text)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return None


def without_envelope(value: Any) -> Any:
    """Return the payload of what Kafka Connect's JSON converter wrote with a schema; anything else as it is."""
    return value["payload"] if isinstance(value, dict) and value.keys() == _ENVELOPE else value


def key_ids(columns: Iterable[Array]) -> Array:
    """Return the text that stands for each key, from its columns: as it is printed, or a hash of that if it is long."""
    texts = [_printed(column) for column in columns]
    if len(texts) > 1:
        escaped = [pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), "|", "\\|") for text in texts]
        joined: Array = pc.call_function("binary_join_element_wise", [*escaped, pa.scalar("|")])
    else:
        (joined,) = texts
    return _shortened(joined)


def _shortened(texts: Array) -> Array:
    long = pc.greater(pc.call_function("utf8_length", [texts]), pa.scalar(_MOST_CHARACTERS, pa.int32()))
    if not pc.any(long).as_py():
        return texts
    values: list[Any] = texts.to_pylist()
    return pa.array([_hashed(text) if len(text) > _MOST_CHARACTERS else text for text in values], pa.string())


def _hashed(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _printed(column: Array) -> Array:
    if pa.types.is_binary(column.type):
        values: list[Any] = column.to_pylist()
        return pa.array([value.hex() for value in values], pa.string())
    return column.cast(pa.string())
