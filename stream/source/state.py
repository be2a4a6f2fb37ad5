"""What a source tells observers: rebalances as they happen, and where its partitions stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from checkpoints import Partition


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """Something that happened to a source.

    `assigned`, `revoked` and `lost` are rebalances; `waiting`: no topic matches the pattern yet; `unacknowledged`: a
    position could not be mirrored to the group (harmless: only lag tools read it).
    """

    kind: Literal["assigned", "revoked", "lost", "waiting", "unacknowledged"]
    partitions: frozenset[Partition] = frozenset()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LogState:
    """What one partition's log held: `start` when it was assigned, `end` when it was last fetched from."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class SourceState:
    """Our partitions with their logs, and how many partitions each topic has over all members."""

    logs: Mapping[Partition, LogState] = field(default_factory=dict)
    partition_counts: Mapping[str, int] = field(default_factory=dict)
