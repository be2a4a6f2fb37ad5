"""Records that do not go in, by what is known of them: as rejects with their original bytes, or as a count."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import pyarrow as pa

from checkpoints import Partition
from sinks import Reject
from stream.evolve import Misfit
from stream.model import PartitionRecords, RawBatch
from stream.model.headers import header_text
from stream.model.times import time_of
from stream.normalize import root_ids
from stream.observe.facts import RejectSample

_SAMPLE_BYTES: Final = 200

Record: TypeAlias = tuple[Partition, int]
"""A record by its partition and offset."""


class RefusedReason(StrEnum):
    """The closed list of reasons for which a record is set aside that can be decoded, or that nobody dares to."""

    REFUSED = "refused"
    KILLS_DECODER = "kills_decoder"


def set_aside(raw: RawBatch, why: Mapping[Record, Misfit]) -> tuple[Reject, ...]:
    """Return the records that `why` names as rejects, with their original bytes."""
    return tuple(reject for part in raw.only(why).parts for reject in _rejects(part, why)) if why else ()


def by_record(
    raw: RawBatch, why: Mapping[str, Misfit], incarnations: Mapping[str, str] = MappingProxyType({})
) -> Mapping[Record, Misfit]:
    """Return what `why` says of root rows, by the records of `raw` that they were made of.

    `incarnations` of topics are those that the rows were normalized with.
    """
    named = (pair for part in raw.parts for pair in _named(part, why, incarnations)) if why else ()
    return {record: why[root] for root, record in named}


def samples(rejects: Iterable[Reject]) -> Mapping[str, RejectSample]:
    """Return the last of the rejects of each reason, cut to what people read."""
    return {reject.reason: _sample(reject) for reject in rejects}


def _sample(reject: Reject) -> RejectSample:
    value = (reject.value or b"")[:_SAMPLE_BYTES].decode("utf-8", "replace")
    return RejectSample(reject.partition, reject.offset, reject.error[:_SAMPLE_BYTES], value)


def skipped_with(
    skipped: Mapping[Partition, Mapping[str, int]], discarded: Mapping[Record, Misfit]
) -> Mapping[Partition, Mapping[str, int]]:
    """Return how many records were skipped, per partition and reason, with those that were discarded."""
    if not discarded:
        return skipped
    counts = {partition: Counter(reasons) for partition, reasons in skipped.items()}
    for (partition, _), misfit in discarded.items():
        counts.setdefault(partition, Counter())[misfit.reason] += 1
    return counts


def _rejects(part: PartitionRecords, why: Mapping[Record, Misfit]) -> Iterator[Reject]:
    partition = part.range.partition
    texts: Sequence[str | None] = [header_text(headers) for headers in part.headers] or [None] * len(part)
    fields = zip(part.offsets, part.timestamps, part.keys, part.values, texts, strict=True)
    for offset, timestamp, key, value, headers in fields:
        misfit = why[partition, offset]
        yield Reject(partition, offset, time_of(timestamp), key, value, misfit.reason, misfit.error, headers)


def bounded(reject: Reject, max_value_bytes: int) -> Reject:
    """Return `reject`, of a larger value only the beginning, its length and its SHA-256."""
    value = reject.value
    if value is None or len(value) <= max_value_bytes:
        return reject
    digest = hashlib.sha256(value).hexdigest()
    return replace(reject, value=value[:max_value_bytes], value_bytes=len(value), value_sha256=digest)


def _named(
    part: PartitionRecords, why: Mapping[str, Misfit], incarnations: Mapping[str, str]
) -> Iterator[tuple[str, Record]]:
    partition = part.range.partition
    keys = pa.table({"_kafka_partition": [partition.number] * len(part), "_kafka_offset": list(part.offsets)})
    ids: list[Any] = root_ids(keys, partition.topic, incarnations.get(partition.topic, "")).to_pylist()
    for root, offset in zip(ids, part.offsets, strict=True):
        if root in why:
            yield root, (partition, offset)
