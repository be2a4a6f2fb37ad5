"""The hash of what an event says: its fields and its lists, without where and when it was said."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks import Column, Schema, Table
from sinks.merging import ROW_ID, children_of
from stream.model.tables import Array

_PARENT_ID: Final = "_hr_parent_id"
_LIST_INDEX: Final = "_hr_list_idx"
_NOT_SAID: Final = ("_hr_", "_kafka_", "_cdc_")  # what we, Kafka and Debezium add to the fields of an event
_TAGS: Final = {"bigint": "n", "double": "n", "decimal": "n", "date": "t", "timestamp": "t", "time": "c"}
_ENDING_ZEROS: Final = r"(\.[0-9]*[1-9])0+$|\.0+$"

Below = dict[str, list[tuple[str, Array, Array]]]
"""By parent table: the name of a child table, row ids of parents, and what stands for the child rows of each."""


def content_hashes(root: Table, schema: Schema, tables: Mapping[str, pa.Table], ignored: Collection[str]) -> Array:
    """Return 32 hexadecimal digits for each row of `root`: the same for the same fields and lists.

    A null counts as no field, and a number as its value, so that a column which comes or widens later changes nothing.
    `ignored` are columns of `root` that do not count.
    """
    below: Below = {}
    for child in reversed([table for table in children_of(root.name, schema) if table.name in tables]):
        rows = tables[child.name]
        hashes = _hashed(_texts(child, rows, (), below))
        _add_lists(below, child, rows, hashes)
    return _hashed(_texts(root, tables[root.name], ignored, below))


def _add_lists(below: Below, child: Table, rows: pa.Table, hashes: Array) -> None:
    parents = pa.table({"parent": rows[_PARENT_ID], "place": rows[_LIST_INDEX], "hash": hashes})
    ordered = parents.sort_by([("parent", "ascending"), ("place", "ascending")])
    lists = ordered.group_by("parent", use_threads=False).aggregate([("hash", "list")])
    joined = pc.call_function("binary_join", [lists["hash_list"].combine_chunks(), pa.scalar("")])
    below.setdefault(child.parent or "", []).append((child.name, lists["parent"].combine_chunks(), joined))


def _texts(table: Table, rows: pa.Table, ignored: Collection[str], below: Below) -> Array:
    """Return for each row one text that tells its fields and its lists from all others."""
    pieces = [_piece(table.columns[name], rows[name].combine_chunks()) for name in _said(table, rows, ignored)]
    for name, parents, lists in sorted(below.get(table.name, ()), key=lambda each: each[0]):
        place = pc.index_in(rows[ROW_ID].combine_chunks(), value_set=parents)
        pieces.append(_labelled(name, "l", lists.take(place)))
    empty: Array = pa.array([""] * rows.num_rows, pa.string())
    if not pieces:
        return empty
    joined: Array = pc.call_function("binary_join_element_wise", [*pieces, pa.scalar("")])
    return joined


def _said(table: Table, rows: pa.Table, ignored: Collection[str]) -> Iterator[str]:
    for name in sorted(rows.column_names):
        if name not in ignored and not name.startswith(_NOT_SAID):
            yield name


def _piece(column: Column, values: Array) -> Array:
    kind = column.type.kind
    return _labelled(column.variant_of or column.name, _TAGS.get(kind, kind[0]), _printed(kind, values))


def _labelled(name: str, tag: str, texts: Array) -> Array:
    """Return name, length and text of each value, so that no two rows read alike; nothing for a null."""
    sizes = pc.call_function("binary_length", [texts]).cast(pa.string())
    label = pa.scalar(f"{len(name)}:{name}{tag}")
    joined: Array = pc.call_function("binary_join_element_wise", [label, sizes, pa.scalar(":"), texts, pa.scalar("")])
    told: Array = pc.call_function("coalesce", [joined, pa.scalar("")])
    return told


def _printed(kind: str, values: Array) -> Array:
    match kind:
        case "binary":
            found: list[Any] = values.to_pylist()
            return pa.array([None if value is None else value.hex() for value in found], pa.string())
        case "date":
            return values.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.string())
        case "timestamp" | "time":
            return values.cast(pa.int64()).cast(pa.string())
        case "decimal":
            texts = values.cast(pa.string())
            trimmed: Array = pc.replace_substring_regex(texts, pattern=_ENDING_ZEROS, replacement=r"\1")
            return trimmed
        case _:
            return values.cast(pa.string())


def _hashed(texts: Array) -> Array:
    found: list[Any] = texts.cast(pa.binary()).to_pylist()
    return pa.array([blake2b(text, digest_size=16).hexdigest() for text in found], pa.string())
