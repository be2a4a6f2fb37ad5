"""The simplest way to add a format: a function from one record to its value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from checkpoints import Partition
from stream.decode.contract import DecoderOptions
from stream.decode.framed import too_large
from stream.decode.json import NULL, TOMBSTONE
from stream.decode.reasons import InvalidRecord, Reason
from stream.decode.rows import Rows
from stream.model import Decoded, Documents, Headers, PartitionRecords, RawBatch, RowDocuments, merged
from stream.model.schemas import SchemaId, Schemas


@dataclass(frozen=True, slots=True)
class OneRecord:
    """A record as Kafka delivered it; `value` is never None: tombstones are counted, not read."""

    value: bytes
    key: bytes | None
    headers: Headers


ReadOneRecord = Callable[[OneRecord], Any]
"""Returns a record's value (see `RowDocuments`); a dict is a row, None is skipped, anything else is the column `value`.

Raises `ValueError` with the reason, in words, when the record is bad, or `InvalidRecord` with a label besides.
"""


class OneByOneDecoder:
    """A `Decoder` that reads each record by itself. Slower than columns, and simple."""

    def __init__(self, read: ReadOneRecord, options: DecoderOptions) -> None:
        self._read = read
        self._options = options

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return no ids."""
        return frozenset()

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        return merged([self._decode_topic(topic, raw.of(topic).parts) for topic in raw.topics])

    def _decode_topic(self, topic: str, parts: Sequence[PartitionRecords]) -> Decoded:
        rows = Rows(parts)
        documents: dict[int, Any] = {}
        rejects = []
        skipped: dict[Partition, Counter[str]] = {}
        for row, record in enumerate(_records(parts)):
            try:
                value = None if record is None else self._value(record)
            except InvalidRecord as why:
                rejects.append(rows.reject(row, why))
                continue
            if value is None:
                skipped.setdefault(rows.partition(row), Counter())[TOMBSTONE if record is None else NULL] += 1
            else:
                documents[row] = value if isinstance(value, dict) else {"value": value}
        keys = rows.keys(self._options.metadata).take(pa.array(list(documents), pa.int64()))
        loose = (RowDocuments(list(documents.values()), keys),) if documents else ()
        table = self._options.table_of(topic)
        return Decoded((Documents(table, topic, (), loose),) if loose else (), tuple(rejects), skipped)

    def _value(self, record: OneRecord) -> Any:
        limit = self._options.limits.max_record_bytes
        if len(record.value) > limit:
            raise too_large(record.value, limit)
        try:
            return self._read(record)
        except (ValueError, RecursionError) as error:
            raise InvalidRecord(Reason.INVALID_RECORD, str(error)[:500] or type(error).__name__) from error


def _records(parts: Sequence[PartitionRecords]) -> Iterator[OneRecord | None]:
    for part in parts:
        for index, value in enumerate(part.values):
            headers = part.headers[index] if part.headers else ()
            yield None if value is None else OneRecord(value, part.keys[index], headers)
