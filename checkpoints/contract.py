"""What every store of positions promises: claim, fence, compare-and-set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from checkpoints.checkpoint import Checkpoint, Claim, Known
from checkpoints.position import Partition, Position


class Fenced(Exception):
    """A newer claim owns a partition, or it does not stand where the checkpoint expects. Nothing was written."""


class CheckpointStore(Protocol):
    """Positions of one pipeline, moved only by compare-and-set. `StoreContract` is the suite that each one passes."""

    async def positions(self, topics: Collection[str]) -> Known:
        """Return the stored position of every known partition of `topics`, claimed or not. Reads only."""
        ...

    async def claim(
        self, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str], *, owner: str
    ) -> Claim:
        """Take `partitions` under a new epoch, higher than any before in this pipeline, and return where they stand.

        A partition of `starts` that the store has never seen is remembered at that offset, claimed or not, so that a
        partition which appears later is known to be new. A stored position is never changed by `starts`. The same for
        `origins`, per topic. Each claimed partition must be stored or in `starts`, else `KeyError`.
        """
        ...

    async def commit(self, step: Checkpoint) -> None:
        """Move from `step.since` to `step.upto`; all partitions or none.

        Raises `Fenced` when a stored offset or epoch is not the expected one. Safe to repeat in the sense that a
        repetition of a step that landed is fenced, never applied twice.
        """
        ...
