"""JSON records into documents: columns where Arrow holds them exactly, Python values where it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import pyarrow as pa

from checkpoints import Partition
from checkpoints.failpoints import failpoint
from sinks import Reject
from stream.config.models import Limits
from stream.decode.exact import read_exactly
from stream.decode.reasons import InvalidRecord
from stream.decode.records import RecordSubset
from stream.decode.rows import Rows
from stream.decode.template_matching import Fitter
from stream.decode.validation import guard
from stream.model import ArrowDocuments, Decoded, Documents, RawBatch, RowDocuments
from stream.model.schemas import NO_SCHEMAS, SchemaId, Schemas

TOMBSTONE: Final = "tombstone"
NULL: Final = "null"

_Skipped = dict[Partition, Counter[str]]


def _no_metadata(topic: str) -> Collection[str]:
    return ()


class JsonDecoder:
    """Decodes batches of JSON records. Used by one thread at a time, and never on the event loop.

    It remembers per topic what records look like, which makes it fast. The values it returns do not depend on that; a
    column of whole numbers may be of integers or of doubles that equal them.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        table_of: Callable[[str], str],
        metadata_of: Callable[[str], Collection[str]] = _no_metadata,
    ) -> None:
        self._limits = limits
        self._metadata_of = metadata_of
        self._table_of = table_of
        self._fitters: dict[str, Fitter] = {}

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return no ids: JSON says by itself what it holds."""
        return frozenset()

    def decode(self, raw: RawBatch, schemas: Schemas = NO_SCHEMAS) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        documents: list[Documents] = []
        rejects: list[Reject] = []
        skipped: _Skipped = {}
        for topic in raw.topics:
            rows = Rows([part for part in raw.parts if part.range.partition.topic == topic])
            columnar, loose = self._decode_topic(topic, rows, rejects, skipped)
            if columnar or loose:
                documents.append(Documents(self._table_of(topic), topic, columnar, loose))
        return Decoded(tuple(documents), tuple(rejects), skipped)

    def _decode_topic(
        self, topic: str, rows: Rows, rejects: list[Reject], skipped: _Skipped
    ) -> tuple[tuple[ArrowDocuments, ...], tuple[RowDocuments, ...]]:
        subset, suspects = guard(_present(rows, skipped), self._limits)
        failpoint("decode.mid", rows.values)
        fitter = self._fitters.setdefault(topic, Fitter(self._limits))
        pieces, unfit = fitter.fit(subset)
        exact = self._read_each((suspects + unfit).rows, rows, rejects, skipped)
        keys = rows.keys(self._metadata_of(topic))
        columnar = tuple(ArrowDocuments(table, _chosen(keys, records.rows)) for table, records in pieces)
        loose = (RowDocuments(list(exact.values()), _chosen(keys, list(exact))),) if exact else ()
        return columnar, loose

    def _read_each(
        self, numbers: Iterable[int], rows: Rows, rejects: list[Reject], skipped: _Skipped
    ) -> dict[int, object]:
        """Return the value of each of these rows that has one."""
        documents: dict[int, object] = {}
        for row in numbers:
            try:
                value = read_exactly(rows.values[row] or b"", self._limits)
            except InvalidRecord as why:
                rejects.append(rows.reject(row, why))
                continue
            if value is None:
                skipped.setdefault(rows.partition(row), Counter())[NULL] += 1
            else:
                documents[row] = value if isinstance(value, dict) else {"value": value}
        return documents


def _present(rows: Rows, skipped: _Skipped) -> RecordSubset:
    """Return the rows that have a value, and count the others."""
    present = [value for value in rows.values if value is not None]
    if len(present) == len(rows.values):
        return RecordSubset(range(len(present)), present)
    for row, value in enumerate(rows.values):
        if value is None:
            skipped.setdefault(rows.partition(row), Counter())[TOMBSTONE] += 1
    return RecordSubset([row for row, value in enumerate(rows.values) if value is not None], present)


def _chosen(keys: pa.Table, rows: Sequence[int]) -> pa.Table:
    return keys if len(rows) == keys.num_rows else keys.take(pa.array(rows, pa.int64()))
