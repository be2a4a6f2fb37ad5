"""What a source tells observers while it runs."""

from __future__ import annotations

from dataclasses import dataclass
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
