"""Where a rewind goes: offsets per partition, from what a person says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from checkpoints import Partition
from sinks.audit import PartitionState
from stream.errors import ConfigError
from stream.source.contract import Bounds
from stream.source.log_reader import LogReader


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: an offset, an instant, or the beginning of the log when neither is given."""

    offset: int | None = None
    instant: datetime | None = None


def chosen_partitions(
    states: Iterable[PartitionState], topics: Collection[str], numbers: Collection[int]
) -> tuple[PartitionState, ...]:
    """Return the stored partitions of these topics, of these numbers where some are given.

    Raises `ConfigError` for a number that no topic has.
    """
    mine = [state for state in states if state.partition.topic in topics]
    chosen = [state for state in mine if not numbers or state.partition.number in numbers]
    if strange := sorted(set(numbers) - {state.partition.number for state in chosen}):
        raise ConfigError(f"no partition {', '.join(map(str, strange))} of {', '.join(topics)} is stored")
    return tuple(chosen)


async def targets(target: Target, states: Collection[PartitionState], reader: LogReader) -> Mapping[Partition, int]:
    """Return the offset that each partition goes back to: never one that the log no longer holds.

    Raises `ConfigError` when the log does not hold the offset that was asked for, or the topic is gone.
    """
    partitions = [state.partition for state in states]
    there = {p for topic in {p.topic for p in partitions} for p in await reader.partitions(topic)}
    if gone := [partition for partition in partitions if partition not in there]:
        raise ConfigError(f"Kafka has no {', '.join(map(str, gone))} any more: nothing could be read again from there")
    bounds = await reader.bounds(partitions)
    if target.instant is not None:
        found = await reader.offsets_at(partitions, target.instant)
        return {p: bounds[p].end if found[p] is None else found[p] or 0 for p in partitions}
    return {p: _offset(target, p, bounds[p]) for p in partitions}


def _offset(target: Target, partition: Partition, bounds: Bounds) -> int:
    if target.offset is None:
        return bounds.start
    if target.offset < bounds.start:
        raise ConfigError(
            f"{partition}: the log begins at offset {bounds.start}, so {target.offset} and what follows cannot be "
            f"read again and would be lost; rewind to {bounds.start} at the earliest"
        )
    return target.offset
