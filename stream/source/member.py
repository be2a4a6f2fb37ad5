"""What reading needs of a consumer group's client: the port between our logic and a driver."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from datetime import datetime
from typing import Protocol

from checkpoints import Partition, Position
from stream.source.columns import Columns


class OutOfRange(Exception):
    """A poll asked for offsets that the log does not hold."""


Polled = Mapping[Partition, Columns]


class Listener(Protocol):
    """Who hears of rebalances, awaited inside of them."""

    async def revoked(self) -> None:
        """Finish with the partitions; the rebalance waits."""
        ...

    def assigned(self, partitions: frozenset[Partition]) -> None:
        """Note the partitions that are ours now: paused, and with no position."""
        ...


class Member(Protocol):
    """One member of one group. What waits raises `SourceError`s, in words for a person."""

    @property
    def subscription(self) -> frozenset[str]:
        """Return the topics that we read, as far as they exist."""
        ...

    @property
    def forgotten(self) -> bool:
        """Return whether the group does not know us any more."""
        ...

    async def connect(self) -> None:
        """Connect. Raises `SourceUnavailable` or `SourceDenied`."""
        ...

    async def topics(self) -> frozenset[str]:
        """Return the names of all topics that we may see. Creates none."""
        ...

    def join(self, listener: Listener) -> None:
        """Join the group; `listener` hears of the assignments."""
        ...

    def partitions_of(self, topic: str) -> frozenset[Partition]:
        """Return all partitions of a topic that we read, ours or not."""
        ...

    async def log_starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the first offset that each log still holds."""
        ...

    async def log_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset after the last that may be delivered."""
        ...

    def high_watermark(self, partition: Partition) -> int | None:
        """Return the end of what is written, delivered or not, as the last fetch told it; None before there is one."""
        ...

    async def offsets_at(self, partitions: Collection[Partition], when: datetime) -> dict[Partition, int | None]:
        """Return the first offset with a timestamp at or past `when`; None where there is none yet."""
        ...

    async def origins(self, topics: Set[str]) -> dict[str, str]:
        """Return each topic's identity (see `stream.source.origin`)."""
        ...

    def seek(self, position: Position) -> None:
        """Read on from `position`, in its partitions."""
        ...

    def pause(self, partitions: Collection[Partition]) -> None:
        """Let polls bring nothing of these partitions."""
        ...

    def resume(self, partitions: Collection[Partition]) -> None:
        """Let polls bring records of these partitions again."""
        ...

    async def poll(self, seconds: float, max_records: int) -> Polled:
        """Return the next records of the partitions that are not paused, after `seconds` at the latest.

        A poll that begins in the middle of a rebalance waits for its end, however long. One that is cancelled has taken
        nothing. Raises `OutOfRange`.
        """
        ...

    async def position(self, partition: Partition) -> int | None:
        """Return the next offset that a poll will look at, past holes and aborted records; None if not ours."""
        ...

    async def commit(self, position: Position) -> None:
        """Write group offsets, for lag tools."""
        ...

    async def close(self) -> None:
        """Leave the group and disconnect, within a bound. Safe to repeat."""
        ...
