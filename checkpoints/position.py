"""Where a reader stands in Kafka: partitions, ranges of offsets and positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets read from one partition: `start` included, `stop` not. Holes lie inside a range, never between two."""

    partition: Partition
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"{self.partition}: a range runs from 0 <= start <= stop, not {self.start}..{self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read, per partition. It only grows: `|` joins two positions by their maxima."""

    next: Mapping[Partition, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "next", MappingProxyType(dict(sorted(self.next.items()))))

    def __or__(self, other: Position) -> Position:
        """Return the least position at or past both."""
        return self._joined_with(other.next.items())

    def __contains__(self, partition: Partition) -> bool:
        return partition in self.next

    def __bool__(self) -> bool:
        return bool(self.next)

    def advanced_by(self, ranges: Iterable[OffsetRange]) -> Position:
        """Return the position after these ranges were taken; a range that is already behind changes nothing."""
        return self._joined_with((taken.partition, taken.stop) for taken in ranges)

    def of(self, partitions: Iterable[Partition]) -> Position:
        """Return the part of this position that speaks of `partitions`."""
        wanted = set(partitions)
        return Position({p: offset for p, offset in self.next.items() if p in wanted})

    def _joined_with(self, offsets: Iterable[tuple[Partition, int]]) -> Position:
        joined = dict(self.next)
        for partition, offset in offsets:
            joined[partition] = max(offset, joined.get(partition, offset))
        return Position(joined)
