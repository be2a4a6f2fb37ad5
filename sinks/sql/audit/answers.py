"""Rows of the system tables as values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from checkpoints import OffsetRange, Partition
from sinks.audit import LedgerFault, SchemaVersion, StoredSchema, TopicScope
from sinks.document import from_document
from sinks.ledger import LoadRow, RejectRow
from sinks.schema import Schema, Table


def root_of(schema: Schema, scope: TopicScope) -> Table | None:
    """Return the root table of a scope; None when it has none yet."""
    return schema.tables.get(scope.table) if scope.table else None


def pair(row: tuple[Any, ...]) -> tuple[int, int]:
    """Return the first two columns of a row as integers, whatever the driver made of them."""
    return int(row[0]), int(row[1])


def instant(text: str | None) -> datetime | None:
    """Return an instant that the database wrote as text."""
    return None if text is None else datetime.fromisoformat(text)


def typed_of(column: pa.ChunkedArray[Any], wanted: pa.DataType) -> pa.Array[Any] | pa.ChunkedArray[Any]:
    """Return a column as the type that the schema gives it."""
    if column.type == wanted:
        return column
    return pa.array(column.to_pylist(), wanted)


def reject_of(row: tuple[Any, ...]) -> RejectRow:
    """Return a row of `_hr_rejects`, whose instant is text."""
    load_id, pipeline, topic, partition, offset, at, key, value, *words = row
    return RejectRow(load_id, pipeline, topic, partition, offset, instant(at), key, value, *words)


def version_of(schema: Schema, at: str | None) -> SchemaVersion:
    """Return what is told of one version of the schema."""
    columns = sum(len(table.columns) for table in schema.tables.values())
    return SchemaVersion(schema.version, len(schema.tables), columns, instant(at))


def stored_schema_of(row: tuple[Any, ...], lines: Iterable[LoadRow]) -> StoredSchema:
    """Return one version of the schema with those of `lines` that were written under it."""
    version, document, version_hash, pipeline, at = row
    under_it = tuple(line for line in lines if line.schema_version == version)
    return StoredSchema(from_document(version, document), version_hash, pipeline, instant(at), under_it)


def fault_of(topic: str, row: tuple[Any, ...]) -> LedgerFault:
    """Return a line of the ledger with what is wrong about it."""
    number, start, stop, before, epoch_before, epoch, records = row
    where = OffsetRange(Partition(topic, number), start, stop)
    if before is not None and before != start:
        return LedgerFault(where, f"the ledger jumps from {before} to {start}")
    if epoch_before is not None and epoch_before > epoch:
        return LedgerFault(where, f"the epoch falls from {epoch_before} to {epoch}")
    return LedgerFault(where, f"the line does not add up: {records} records over {stop - start} offsets")
