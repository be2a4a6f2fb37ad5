"""A pipeline as its destination knows it, beside what Kafka holds: no running service is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from checkpoints import Partition
from sinks.audit import Audit, PartitionState, RejectCount, SchemaVersion, Watermark
from sinks.ledger import LoadRow
from stream.config.models import Kafka
from stream.errors import SourceError
from stream.source.contract import Bounds
from stream.source.log_reader import reading

_LOADS = 10
_VERSIONS = 5


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition: where the destination stands, and what the log holds (None: Kafka was not asked, or is away)."""

    topic: str
    partition: int
    next_offset: int
    log_start_offset: int | None
    log_end_offset: int | None
    lag: int | None
    epoch: int
    owner: str
    attempts: int
    updated_at: datetime | None
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """One topic. `watermark`: the event time up to which all of its partitions are in the tables; None: unknown."""

    topic: str
    lag: int | None
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """One line of the ledger."""

    committed_at: datetime | None
    load_id: str
    topic: str
    partition: int
    start: int
    stop: int
    rows: int
    rejected: int
    owner: str


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """All that the destination tells. `kafka` says why there is no lag, when there is none."""

    pipeline: str
    destination: str
    dataset: str
    asked_at: datetime
    paused: str | None
    kafka: str | None
    topics: tuple[TopicStatus, ...]
    partitions: tuple[PartitionStatus, ...]
    tables: Mapping[str, int]
    rejects: tuple[RejectCount, ...]
    loads: tuple[LoadStatus, ...]
    schema: tuple[SchemaVersion, ...]


async def status(name: str, sink: str, dataset: str, audit: Audit, kafka: Kafka, *, count: bool) -> PipelineStatus:
    """Return the status of a pipeline; `count` also counts the rows of its tables: slow in large ones."""
    states = await audit.states()
    bounds, why = await _bounds(kafka, [state.partition for state in states])
    marks = {mark.partition: mark for mark in await audit.watermarks()}
    partitions = tuple(_partition(state, bounds.get(state.partition), marks.get(state.partition)) for state in states)
    return PipelineStatus(
        pipeline=name,
        destination=sink,
        dataset=dataset,
        asked_at=datetime.now(UTC),
        paused=(await audit.control()).paused,
        kafka=why,
        topics=tuple(_topics(partitions)),
        partitions=partitions,
        tables=await audit.table_rows() if count else {},
        rejects=await audit.reject_counts(),
        loads=tuple(_load(at, line) for at, line in await audit.recent_loads(_LOADS)),
        schema=await audit.schema_versions(_VERSIONS),
    )


async def _bounds(kafka: Kafka, partitions: list[Partition]) -> tuple[Mapping[Partition, Bounds], str | None]:
    try:
        async with reading(kafka) as reader:
            there = {p for topic in {p.topic for p in partitions} for p in await reader.partitions(topic)}
            asked = [partition for partition in partitions if partition in there]
            return await reader.bounds(asked) if asked else {}, None
    except SourceError as error:
        return {}, str(error)


def _partition(state: PartitionState, bounds: Bounds | None, mark: Watermark | None) -> PartitionStatus:
    return PartitionStatus(
        topic=state.partition.topic,
        partition=state.partition.number,
        next_offset=state.next_offset,
        log_start_offset=bounds.start if bounds else None,
        log_end_offset=bounds.end if bounds else None,
        lag=max(0, bounds.end - state.next_offset) if bounds else None,
        epoch=state.epoch,
        owner=state.owner,
        attempts=state.attempts,
        updated_at=state.updated_at,
        watermark=mark.event_time if mark else None,
    )


def _topics(partitions: Iterable[PartitionStatus]) -> Iterable[TopicStatus]:
    by_topic: dict[str, list[PartitionStatus]] = {}
    for partition in partitions:
        by_topic.setdefault(partition.topic, []).append(partition)
    for topic, some in by_topic.items():
        yield TopicStatus(topic, _sum(p.lag for p in some), least([p.watermark for p in some]))


def least(watermarks: list[Any]) -> Any:
    """Return the least of some watermarks; None when one is not known: then nothing can be said of all."""
    return min(watermarks) if watermarks and None not in watermarks else None


def _sum(lags: Iterable[int | None]) -> int | None:
    known = list(lags)
    return None if None in known else sum(lag or 0 for lag in known)


def _load(at: datetime | None, line: LoadRow) -> LoadStatus:
    return LoadStatus(
        at,
        line.load_id,
        line.topic,
        line.partition,
        line.start_offset,
        line.stop_offset,
        line.rows,
        line.rejected,
        line.owner,
    )
