"""Records of Debezium into rows and deletes, whatever format its converters write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

import pyarrow as pa

from checkpoints import Partition
from sinks import Reject
from stream.decode.contract import Decoder
from stream.decode.debezium.changes import ENVELOPE, Changes, changes_of, flattened
from stream.decode.debezium.connect_types import Convert, conversions
from stream.decode.debezium.one_change import Deleted, Ignored, Incomplete, Written, change_of
from stream.decode.debezium.payloads import Payloads
from stream.decode.debezium.records import Records
from stream.decode.keys import json_keys, keys_of
from stream.decode.reasons import Reason
from stream.model import ArrowDocuments, Decoded, Documents, RawBatch, RowDocuments
from stream.model.schemas import SchemaId, Schemas, WriterSchema

_UNAVAILABLE: Final = (
    Reason.UNAVAILABLE_VALUE,
    "the database did not send a value that did not change (TOAST): set REPLICA IDENTITY FULL on the table",
)
_NO_KEY: Final = (Reason.NO_KEY, "a delete from a table without a primary key: nothing says which row it is")


class DebeziumDecoder:
    """Reads envelopes by another decoder and returns the rows that they speak of. Used by one thread at a time.

    A delete becomes a row of the record's key with `_cdc_deleted` true. Envelopes that change no row (truncate, a
    transaction's begin and end, a heartbeat) are skipped, counted by kind. A row with a value that the database did not
    send is set aside. Rows of the flattened form (`ExtractNewRecordState`) pass through, their marks renamed.
    """

    def __init__(self, inner: Decoder, key_decoder: Decoder | None = None) -> None:
        self._inner = inner
        self._key_decoder = key_decoder
        self._payloads = Payloads()
        self._keys = Payloads()

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`."""
        wanted = self._inner.wants(raw)
        return wanted | self._key_decoder.wants(keys_of(raw)) if self._key_decoder else wanted

    def json_keys(self, raw: RawBatch, schemas: Schemas) -> RawBatch:
        """Return `raw` with its keys as JSON, whatever they are written in; one that cannot be read stays as it is."""
        if self._key_decoder is None:
            return raw
        return json_keys(raw, self._key_decoder.decode(keys_of(raw), schemas))

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a row, a delete, a reject or a count of what was skipped."""
        keyed = self.json_keys(raw, schemas)
        records, registered = _BothRecords(Records(raw), Records(keyed)), _registered(schemas)
        pieces = [
            self._unwrapped(bare, schemas, {**registered, **conversions(schema)}, records)
            for schema, bare in self._payloads.by_schema(keyed)
        ]
        return pieces[0] if len(pieces) == 1 else _together(pieces)

    def _unwrapped(
        self, bare: RawBatch, schemas: Schemas, convert: Mapping[str, Convert], records: _BothRecords
    ) -> Decoded:
        """Return what became of records that were all written by one schema."""
        decoded = self._inner.decode(bare, schemas)
        unwrapping = _Unwrapping(records.raw, records.keyed, convert, self._keys)
        documents = tuple(map(unwrapping.documents, decoded.documents))
        rejects = tuple(records.raw.original(reject) for reject in decoded.rejects)
        counts = {partition: Counter(reasons) for partition, reasons in decoded.skipped.items()}
        for partition, reason in unwrapping.ignored:
            counts.setdefault(partition, Counter())[reason] += 1
        kept = tuple(each for each in documents if each.columnar or each.loose)
        return replace(decoded, documents=kept, rejects=(*rejects, *unwrapping.rejects), skipped=counts)


@dataclass(frozen=True, slots=True)
class _BothRecords:
    """The records of a batch as they came, and with keys as JSON."""

    raw: Records
    keyed: Records


def _registered(schemas: Schemas) -> Mapping[str, Convert]:
    found: dict[str, Convert] = {}
    for each in schemas.values():
        if isinstance(each, WriterSchema) and each.kind == "avro":
            found |= conversions(json.loads(each.text))
    return found


def _together(pieces: Sequence[Decoded]) -> Decoded:
    """Return what became of records of one topic, whatever schema each was written by."""
    documents = [each for piece in pieces for each in piece.documents]
    counts: dict[Partition, Counter[str]] = {}
    for partition, reasons in (item for piece in pieces for item in piece.skipped.items()):
        counts.setdefault(partition, Counter()).update(reasons)
    one = replace(
        documents[0],
        columnar=tuple(columnar for each in documents for columnar in each.columnar),
        loose=tuple(loose for each in documents for loose in each.loose),
    ) if documents else None  # fmt: skip
    rejects = tuple(reject for piece in pieces for reject in piece.rejects)
    return Decoded(() if one is None else (one,), rejects, counts)


class _Unwrapping:
    """The envelopes of one batch on their way to rows; `rejects` and `ignored` are what became of the others."""

    def __init__(self, records: Records, keyed: Records, convert: Mapping[str, Convert], keys: Payloads) -> None:
        self.records = records
        self._keyed = keyed
        self.rejects: list[Reject] = []
        self.ignored: list[tuple[Partition, str]] = []
        self._convert = convert
        self._keys = keys

    def documents(self, envelopes: Documents) -> Documents:
        """Return the rows and deletes in `envelopes`."""
        columnar: list[ArrowDocuments] = []
        loose: list[RowDocuments] = []
        for rows in envelopes.loose:
            loose += self._one_by_one(rows)
        for piece in envelopes.columnar:
            if not ENVELOPE & set(piece.data.column_names):
                columnar.append(replace(piece, data=flattened(piece.data, self._convert)))
                continue
            changes = changes_of(piece.data, self._convert)
            if changes.written:
                columnar.append(replace(piece, data=changes.rows, keys=_taken(piece.keys, changes.written)))
            loose += self._deletes(piece.keys, changes)
            self.ignored += [(self.records.partition(piece.keys, row), why) for row, why in changes.ignored.items()]
            self.rejects += [self.records.reject(piece.keys, row, *_UNAVAILABLE) for row in changes.incomplete]
        return replace(envelopes, columnar=tuple(columnar), loose=tuple(loose))

    def _one_by_one(self, envelopes: RowDocuments) -> Iterator[RowDocuments]:
        """Yield the rows of envelopes that no one Arrow type holds exactly."""
        values: dict[int, Any] = {}
        for number, envelope in enumerate(envelopes.values):
            change = change_of(envelope, self._convert)
            match change:
                case Written(row):
                    values[number] = row
                case Deleted(about) if (key := self._key(self._keyed.key(envelopes.keys, number))) is not None:
                    values[number] = {**key, **about}
                case Deleted():
                    self.rejects.append(self.records.reject(envelopes.keys, number, *_NO_KEY))
                case Incomplete():
                    self.rejects.append(self.records.reject(envelopes.keys, number, *_UNAVAILABLE))
                case Ignored(reason):
                    self.ignored.append((self.records.partition(envelopes.keys, number), reason))
                case _:
                    assert_never(change)
        if values:
            yield RowDocuments(list(values.values()), _taken(envelopes.keys, list(values)))

    def _deletes(self, keys: pa.Table, changes: Changes) -> Iterator[RowDocuments]:
        found = {row: self._key(self._keyed.key(keys, row)) for row in changes.deleted}
        self.rejects += [self.records.reject(keys, row, *_NO_KEY) for row, key in found.items() if key is None]
        values = {row: {**key, **changes.about[row]} for row, key in found.items() if key is not None}
        if values:
            yield RowDocuments(list(values.values()), _taken(keys, list(values)))

    def _key(self, content: bytes | None) -> dict[str, Any] | None:
        payload = self._keys.payload(content)
        try:
            key = None if payload is None else json.loads(payload)
        except ValueError:
            return None
        return key if isinstance(key, dict) and key else None


def _taken(keys: pa.Table, rows: Sequence[int]) -> pa.Table:
    return keys if len(rows) == keys.num_rows else keys.take(pa.array(rows, pa.int64()))
