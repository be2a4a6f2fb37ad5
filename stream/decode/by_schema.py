"""Records into documents by the schema that each was written by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from checkpoints import Partition
from checkpoints.failpoints import failpoint
from stream.decode.contract import DecoderOptions
from stream.decode.framed import FramedRecords, SchemaGroup, group_by_schema, schema_ids, too_large
from stream.decode.json import NULL, TOMBSTONE
from stream.decode.readers import MakeReader, RecordReader, UnusableSchema
from stream.decode.reasons import InvalidRecord, Reason
from stream.decode.rows import Rows
from stream.model import ArrowDocuments, Decoded, Documents, PartitionRecords, RawBatch, merged
from stream.model.documents import Described
from stream.model.schemas import Found, NoSchema, SchemaId, Schemas, WriterSchema

_FIXED: Final[SchemaId] = -1
_MOST_READERS: Final = 200

_Skipped = dict[Partition, Counter[str]]


class SchemaDecoder:
    """Decodes records of a binary format, rows of each writer's schema by their own. Used by one thread at a time.

    With `fixed` that reads every record, and none has a frame; else each names its own schema.
    """

    def __init__(
        self,
        make_reader: MakeReader,
        invalid: Reason,
        options: DecoderOptions,
        *,
        fixed: RecordReader | None = None,
    ) -> None:
        self._make_reader = make_reader
        self._invalid = invalid
        self._options = options
        self._limits = options.limits
        self._fixed = fixed
        self._readers: dict[SchemaId, RecordReader | InvalidRecord] = {}

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`."""
        return frozenset() if self._fixed else schema_ids(raw.parts, self._options.header)

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        return merged([self._decode_topic(topic, raw.of(topic).parts, schemas) for topic in raw.topics])

    def _decode_topic(self, topic: str, parts: Sequence[PartitionRecords], schemas: Schemas) -> Decoded:
        rows = Rows(parts)
        failpoint("decode.mid", rows.values)
        records = self._grouped(parts)
        skipped: _Skipped = {}
        _count(records.tombstones, TOMBSTONE, rows, skipped)
        invalid = records.invalid
        keys = rows.keys(self._options.metadata)
        columnar: list[ArrowDocuments] = []
        for id, group in records.groups.items():
            for group_rows, array, described in self._read(id, group, schemas, invalid):
                found = _documents(group_rows, array, keys, rows, skipped)
                columnar += [replace(each, described=described) for each in found]
        documents = (Documents(self._options.table_of(topic), topic, tuple(columnar)),) if columnar else ()
        return Decoded(documents, tuple(rows.reject(row, invalid[row]) for row in sorted(invalid)), skipped)

    def _grouped(self, parts: Sequence[PartitionRecords]) -> FramedRecords:
        if not self._fixed:
            return group_by_schema(parts, self._options.header, max_bytes=self._limits.max_record_bytes)
        found, group = FramedRecords(), SchemaGroup()
        for row, value in enumerate(value for part in parts for value in part.values):
            if value is None:
                found.tombstones.append(row)
            elif len(value) > self._limits.max_record_bytes:
                found.invalid[row] = too_large(value, self._limits.max_record_bytes)
            else:
                group.rows.append(row)
                group.payloads.append(value)
        found.groups[_FIXED] = group
        return found

    def _read(
        self, id: SchemaId, group: SchemaGroup, schemas: Schemas, invalid: dict[int, InvalidRecord]
    ) -> list[tuple[Sequence[int], pa.Array[Any], Described]]:
        """Return the arrays of a group, each with its rows and what its schema says; the unreadable go to `invalid`."""
        reader = self._fixed or self._reader(id, schemas[id])
        if isinstance(reader, InvalidRecord):
            invalid.update(dict.fromkeys(group.rows, reader))
            return []
        result = reader.read(group.payloads)
        for position, error in result.errors.items():
            invalid[group.rows[position]] = InvalidRecord(self._invalid, f"{error}{_named(id)}")
        described = reader.described
        return [
            ([group.rows[position] for position in positions], array, described) for positions, array in result.arrays
        ]

    def _reader(self, id: SchemaId, schema: Found) -> RecordReader | InvalidRecord:
        if isinstance(schema, NoSchema):
            return InvalidRecord(Reason.UNKNOWN_SCHEMA, schema.error)
        if id not in self._readers:
            if len(self._readers) >= _MOST_READERS:
                del self._readers[next(iter(self._readers))]
            self._readers[id] = self._made(id, schema)
        return self._readers[id]

    def _made(self, id: SchemaId, schema: WriterSchema) -> RecordReader | InvalidRecord:
        try:
            return self._make_reader(schema, self._limits)
        except UnusableSchema as error:
            return InvalidRecord(Reason.UNUSABLE_SCHEMA, f"{error}{_named(id)}")


def _named(id: SchemaId) -> str:
    return "" if id == _FIXED else f" (schema {id})"


def _count(numbers: Sequence[int], reason: str, rows: Rows, skipped: _Skipped) -> None:
    for row in numbers:
        skipped.setdefault(rows.partition(row), Counter())[reason] += 1


def _documents(
    numbers: Sequence[int], array: pa.Array[Any], keys: pa.Table, rows: Rows, skipped: _Skipped
) -> list[ArrowDocuments]:
    """Return the values that are not null as documents, and count the others."""
    if array.null_count:
        nulls = array.is_null().to_pylist()
        _count([row for row, null in zip(numbers, nulls, strict=True) if null], NULL, rows, skipped)
        numbers = [row for row, null in zip(numbers, nulls, strict=True) if not null]
        array = array.drop_null()
    if not numbers:
        return []
    chosen = keys if len(numbers) == keys.num_rows else keys.take(pa.array(numbers, pa.int64()))
    return [ArrowDocuments(_table(array), chosen, declared=True)]


def _table(array: pa.Array[Any]) -> pa.Table:
    """Return records as columns; what is not a record becomes the one column `value`."""
    if isinstance(array, pa.StructArray):
        return pa.Table.from_arrays(array.flatten(), names=[field.name for field in array.type])
    return pa.table({"value": array})
