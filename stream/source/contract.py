"""What a source promises: assignments of partitions, batches of records, ranges that come from the source itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from checkpoints import Known, OffsetRange, Partition, Position
from stream.model import RawBatch
from stream.source.events import OnEvent


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets that are gone from the log before anybody read them."""

    kind: Literal["retention", "truncation", "recreated"]
    range: OffsetRange


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first offset a partition still holds, and the next one it will deliver (the last stable offset).

    `high_watermark` is the end of what is written, as the last fetch told it: past `end` while a transaction is open.
    """

    start: int
    end: int
    high_watermark: int | None = None


class Assignment(Protocol):
    """Some partitions that are ours until they are taken away. Never two at once from one source."""

    @property
    def partitions(self) -> frozenset[Partition]:
        """Return the partitions that are ours; may be empty (more members than partitions)."""
        ...

    @property
    def topics(self) -> frozenset[str]:
        """Return the topics that are subscribed to, assigned to us or not."""
        ...

    @property
    def topic_partitions(self) -> Mapping[str, int]:
        """Return how many partitions each topic has, assigned to us or not."""
        ...

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return what `starts` found to be gone and was told to go on without; `range.stop` is where to go on."""
        ...

    @property
    def ended(self) -> bool:
        """Return whether the partitions were revoked or lost, or the source was stopped: nothing more is to be read."""
        ...

    @property
    def lost(self) -> bool:
        """Return whether the group gave our partitions away without asking: then nothing more may be written."""
        ...

    async def origins(self) -> dict[str, str]:
        """Return each topic's identity (cluster id and, where the broker tells, topic id)."""
        ...

    async def starts(self, known: Known) -> Position:
        """Return the first offset for every partition of the assigned topics that `known` lacks.

        A topic that `known` has nothing of starts where the configuration says (earliest, latest, a timestamp); a new
        partition of a known topic starts at its beginning. Raises `SourceGap` when a stored offset of an assigned
        partition is outside what the log still holds, and when a topic's origin is another than `known` says.
        """
        ...

    def batches(self, start: Position, without: frozenset[str] = frozenset()) -> AsyncGenerator[RawBatch, None]:
        """Yield batches from `start` on, cut by rows, bytes and age, until revoked, stopped or at the bound.

        The partitions of the topics `without` are paused meanwhile and stay where they are. A batch's ranges are
        contiguous with the one before. While the caller does not ask for more, the source pauses its partitions and
        goes on polling, so that the group keeps us.
        """
        ...

    def release(self) -> None:
        """Say that everything of this assignment is loaded or abandoned; a rebalance that waits for it goes on."""
        ...


class Source(Protocol):
    """Where events come from."""

    def listen(self, on_event: OnEvent) -> None:
        """Call `on_event`, on the event loop, for what happens to the source from now on; it must not block."""
        ...

    async def open(self) -> None:
        """Connect. Raises `SourceUnavailable`, `UnknownTopic` or `SourceDenied` with what to do."""
        ...

    def assignments(self) -> AsyncGenerator[Assignment, None]:
        """Yield one assignment after another; ends when the source is stopped or its bound is reached."""
        ...

    async def bounds(self) -> Mapping[Partition, Bounds]:
        """Return what the broker says of the assigned partitions' logs; empty when it does not answer. For metrics.

        A question without answer is told, and so is the first answer after it.
        """
        ...

    def pace(self, batch_seconds: float) -> None:
        """Hear what a batch cost, from bytes to commit: where batches are dear, the next ones fill for longer."""
        ...

    async def acknowledge(self, position: Position) -> None:
        """Mirror a durable position to the consumer group, best effort: for lag tools, never read back."""
        ...

    def stop(self) -> None:
        """Ask for the end: batches and assignments run out. Returns at once; safe to repeat, and from any task."""
        ...

    async def aclose(self) -> None:
        """Leave the group and disconnect. Safe to repeat."""
        ...
