"""Keys that are read as a format too: each record's key as text beside its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import pyarrow as pa

from checkpoints import Partition
from sinks import Reject
from stream.decode.json import NULL, TOMBSTONE
from stream.model import ArrowDocuments, Decoded, Documents, PartitionRecords, RawBatch, RowDocuments
from stream.model.json_text import json_text

COLUMN: Final = "_kafka_key"

Record = tuple[Partition, int]
Piece = TypeVar("Piece", ArrowDocuments, RowDocuments)


def keys_of(raw: RawBatch) -> RawBatch:
    """Return `raw` with the keys of its records in the place of their values: a decoder's input."""
    return replace(raw, parts=tuple(replace(part, values=part.keys) for part in raw.parts))


def json_keys(raw: RawBatch, keys: Decoded) -> RawBatch:
    """Return `raw` with keys as JSON text, where `keys` has them; the others stay as they are.

    `keys` is what a decoder made of `keys_of(raw)`.
    """
    texts = dict(_texts(keys))
    return replace(raw, parts=tuple(_with_texts(part, texts) for part in raw.parts))


def _with_texts(part: PartitionRecords, texts: Mapping[Record, str]) -> PartitionRecords:
    found = [texts.get((part.range.partition, offset)) for offset in part.offsets]
    keys = [key if text is None else text.encode() for key, text in zip(part.keys, found, strict=True)]
    return replace(part, keys=keys)


def with_keys(decoded: Decoded, keys: Decoded, raw: RawBatch) -> Decoded:
    """Return `decoded` with the column `_kafka_key`: text as it is, all else as JSON.

    `keys` is what a decoder made of `keys_of(raw)`. A record whose key cannot be read is rejected as a whole.
    """
    texts = dict(_texts(keys))
    bad = {(reject.partition, reject.offset): reject for reject in keys.rejects}
    documents = tuple(_keyed(each, texts, bad) for each in decoded.documents)
    if not bad:
        return replace(decoded, documents=documents)
    known = {(reject.partition, reject.offset) for reject in decoded.rejects}
    values = {each: value for each, value in _values(raw, bad) if each not in known}
    rejects = (_reject(bad[each], value) for each, value in values.items())
    return Decoded(documents, (*decoded.rejects, *rejects), _without(decoded, values))


def _texts(keys: Decoded) -> Iterator[tuple[Record, str]]:
    for documents in keys.documents:
        for columnar in documents.columnar:
            yield from zip(_records(columnar.keys, documents), map(_text, columnar.data.to_pylist()), strict=True)
        for loose in documents.loose:
            yield from zip(_records(loose.keys, documents), map(_text, loose.values), strict=True)


def _text(key: Any) -> str:
    if isinstance(key, dict):
        key = {name: member for name, member in key.items() if member is not None}
        key = key["value"] if key.keys() == {"value"} else key  # `value` alone: no record
    return key if isinstance(key, str) else json_text(key, (COLUMN,))


def _records(keys: pa.Table, documents: Documents) -> list[Record]:
    topic = documents.topic or ""
    numbers: list[Any] = keys["_kafka_partition"].to_pylist()
    offsets: list[Any] = keys["_kafka_offset"].to_pylist()
    return [(Partition(topic, number), offset) for number, offset in zip(numbers, offsets, strict=True)]


def _keys(documents: Documents) -> Iterator[pa.Table]:
    yield from (one.keys for one in documents.columnar)
    yield from (one.keys for one in documents.loose)


def _keyed(documents: Documents, texts: Mapping[Record, str], bad: Mapping[Record, Reject]) -> Documents:
    columnar = [_with_column(one, documents, texts) for one in documents.columnar]
    loose = [_with_column(one, documents, texts) for one in documents.loose]
    if not bad:
        return replace(documents, columnar=tuple(columnar), loose=tuple(loose))
    return replace(
        documents,
        columnar=tuple(_only_good_columns(one, documents, bad) for one in columnar),
        loose=tuple(_only_good_rows(one, documents, bad) for one in loose),
    )


def _with_column(piece: Piece, documents: Documents, texts: Mapping[Record, str]) -> Piece:
    keys = piece.keys.drop_columns(COLUMN) if COLUMN in piece.keys.column_names else piece.keys
    column = pa.array([texts.get(record) for record in _records(keys, documents)], pa.string())
    return replace(piece, keys=keys.append_column(COLUMN, column))


def _only_good_columns(piece: ArrowDocuments, documents: Documents, bad: Mapping[Record, Reject]) -> ArrowDocuments:
    good = pa.array([record not in bad for record in _records(piece.keys, documents)], pa.bool_())
    return replace(piece, data=piece.data.filter(good), keys=piece.keys.filter(good))


def _only_good_rows(piece: RowDocuments, documents: Documents, bad: Mapping[Record, Reject]) -> RowDocuments:
    good = [record not in bad for record in _records(piece.keys, documents)]
    values = [value for value, fine in zip(piece.values, good, strict=True) if fine]
    return RowDocuments(values, piece.keys.filter(pa.array(good, pa.bool_())))


def _values(raw: RawBatch, among: Mapping[Record, Reject]) -> Iterator[tuple[Record, bytes | None]]:
    for part in raw.parts:
        for offset, value in zip(part.offsets, part.values, strict=True):
            if (part.range.partition, offset) in among:
                yield (part.range.partition, offset), value


def _reject(bad: Reject, value: bytes | None) -> Reject:
    return replace(bad, key=bad.value, value=value, error=f"the key: {bad.error}")


def _without(decoded: Decoded, rejected: Mapping[Record, bytes | None]) -> Mapping[Partition, Mapping[str, int]]:
    """Return what was skipped, less the records that are rejected for their keys."""
    loaded = {record for each in decoded.documents for keys in _keys(each) for record in _records(keys, each)}
    counts = {partition: Counter(reasons) for partition, reasons in decoded.skipped.items()}
    for (partition, offset), value in rejected.items():
        if (partition, offset) not in loaded:
            counts[partition][TOMBSTONE if value is None else NULL] -= 1
    left = {partition: {r: n for r, n in reasons.items() if n} for partition, reasons in counts.items()}
    return {partition: reasons for partition, reasons in left.items() if reasons}
