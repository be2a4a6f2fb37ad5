"""Row ids: the same event gives the same ids on every replay, and no two rows of one table share one."""

from __future__ import annotations

import json
from base64 import b32hexencode
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stream.model.tables import Array, whole
from stream.normalize.naming import Path

ROW_ID = "_hr_id"
PARENT_ID = "_hr_parent_id"
ROOT_ID = "_hr_root_id"
LIST_INDEX = "_hr_list_idx"
LOAD_ID = "_hr_load_id"

MAX_ID_LENGTH: Final = 120  # a dozen lists within each other; ids that grew on would be most of a deep record's bytes


def root_ids(keys: pa.Table, topic: str | None, incarnation: str = "") -> Array:
    """Return the ids of root rows: `<topic's mark>-<partition>-<offset>`, or the `_hr_id` that `keys` brings.

    `incarnation` tells a topic from others that had or have its name: one that is made anew gives other ids.
    """
    if topic is None:
        return whole(keys[ROW_ID])
    partition = whole(keys["_kafka_partition"]).cast(pa.string())
    offset = whole(keys["_kafka_offset"]).cast(pa.string())
    return _joined([topic_mark(topic, incarnation), partition, offset], "-")


def topic_mark(topic: str, incarnation: str) -> str:
    """Return the eight characters (40 bits) that stand for a topic in the ids of its rows."""
    return _hashed(f"{topic}\0{incarnation}", 8)


@lru_cache(maxsize=16_384)
def path_tag(path: Path) -> str:
    """Return the four characters that stand for a child's path in its parent, in the ids of its rows.

    Tables of one parent should differ in it, so that an id names its table, too; in one table all rows share it.
    """
    return _hashed(json.dumps(path), 4)


def child_id(parent_id: str, mark: str, index: int) -> str:
    """Return the id of the row at `index` of the list that `mark` stands for, in the row `parent_id`.

    That is `<parent_id>-<mark>-<index>`, with a hash in the parent's place where it would be too long.
    """
    row_id = f"{parent_id}-{mark}-{index}"
    return row_id if len(row_id) <= MAX_ID_LENGTH else f"{_hashed(parent_id, 26)}-{mark}-{index}"


def child_ids(parent_ids: Array, mark: str, indices: Array) -> Array:
    """Return what `child_id` gives, row by row."""
    # Indices repeat: printing each once and taking the text is three times as fast as a cast of all.
    digits = positions(pc.max(indices).as_py() + 1).cast(pa.string()).take(indices)
    ids = _joined([parent_ids, digits], f"-{mark}-")
    lengths: Array = pc.call_function("utf8_length", [ids])
    too_long: Array = pc.call_function("greater", [lengths, pa.scalar(MAX_ID_LENGTH, pa.int32())])
    if not pc.any(too_long).as_py():
        return ids
    return _joined([_hashed_where(too_long, parent_ids), digits], f"-{mark}-")


def _hashed_where(mask: Array, ids: Array) -> Array:
    """Return the ids with a hash in the place of those where `mask` is true; each of these is hashed once."""
    chosen = pc.if_else(mask, ids, pa.scalar(None, ids.type)).dictionary_encode()
    hashes = pa.array((_hashed(row_id, 26) for row_id in chosen.dictionary.to_pylist()), pa.string())
    merged: Array = pc.coalesce(hashes.take(chosen.indices), ids)
    return merged


def _hashed(text: str, length: int) -> str:
    """Return `length` characters of a hash, five bits each: digits and lower-case letters."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=-(-length * 5 // 8)).digest()
    return b32hexencode(digest).decode().lower()[:length]


def positions(count: int) -> Array:
    """Return the integers from 0 up to `count`, not included."""
    counted: Array = pc.subtract(pc.cumulative_sum(pa.repeat(1, count)), 1)
    return counted


def _joined(parts: list[Array | str], separator: str) -> Array:
    joined: Array = pc.call_function("binary_join_element_wise", [*parts, separator])
    return joined
