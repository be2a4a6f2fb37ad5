"""Decoded documents, before they are relational: Arrow columns where that is exact, Python values where it is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import pyarrow as pa

from checkpoints import Partition
from sinks import Reject
from sinks.schema import ColumnHints

Described: TypeAlias = Mapping[tuple[str, ...], ColumnHints]
"""What a schema says of fields beside their types, by their paths of keys; lists are passed through."""

NOTHING_SAID: Final[Described] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ArrowDocuments:
    """Documents as a nested Arrow table, one row a document, beside the columns that identify each row.

    `data` has one column per key of the document's top level (structs and lists inside) with types as found: bool,
    int64, double, string, null, struct, list (from JSON); any Arrow type from elsewhere. `keys` has the same number of
    rows; the normalizer puts its columns beside each root row (see `Documents`). `declared`: a schema gives the types,
    so that a column of nulls alone is one too; `described`: what else it says of fields.
    """

    data: pa.Table
    keys: pa.Table
    declared: bool = False
    described: Described = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowDocuments:
    """Documents as Python values, for those that no one Arrow type holds exactly. `keys` as in `ArrowDocuments`.

    Values: None, bool, int of any size, float (finite), Decimal, str, bytes, datetime, date, time, UUID, dict, list.
    """

    values: Sequence[Any]
    keys: pa.Table


@dataclass(frozen=True, slots=True)
class Documents:
    """All documents of one root table in one batch, in up to many pieces; the pieces' order has no meaning.

    `table` is the wanted name, not yet normalized. `topic` is set when they come from Kafka: then `keys` has
    `_kafka_partition`, `_kafka_offset` and `_kafka_timestamp`, and row ids derive from them; else `keys` has `_hr_id`.
    `max_nesting`: levels that are taken apart, where this table has a bound of its own.
    """

    table: str
    topic: str | None = None
    columnar: tuple[ArrowDocuments, ...] = ()
    loose: tuple[RowDocuments, ...] = ()
    max_nesting: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a raw batch: documents by table, records set aside, and how many were skipped, by reason.

    `skipped` counts records that are neither rows nor rejects (tombstones), per partition. `tombstones` has, by wanted
    table name, the keys and places of records without a value that delete a row: `_kafka_topic`, `_kafka_key`,
    `_kafka_partition`, `_kafka_offset`, `_kafka_timestamp`.
    """

    documents: tuple[Documents, ...] = ()
    rejects: tuple[Reject, ...] = ()
    skipped: Mapping[Partition, Mapping[str, int]] = field(default_factory=dict)
    tombstones: Mapping[str, pa.Table] = field(default_factory=dict)


def merged(topics: Collection[Decoded]) -> Decoded:
    """Return what became of several topics as one."""
    return Decoded(
        tuple(documents for one in topics for documents in one.documents),
        tuple(reject for one in topics for reject in one.rejects),
        {partition: counts for one in topics for partition, counts in one.skipped.items()},
    )
