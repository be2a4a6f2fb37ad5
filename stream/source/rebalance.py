"""Membership of a consumer group as a pure state machine: what is ours, what must be given back, what is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from checkpoints import Partition

NAMED: Final = 5


class Phase(Enum):
    """Where a member stands between two rebalances."""

    OUTSIDE = "outside"
    """Nothing is ours: before the first assignment, and between two."""
    HOLDING = "holding"
    """The partitions are ours."""
    LEAVING = "leaving"
    """The group wants the partitions back and waits until we have finished with them."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One member's state. `round` counts assignments, so that a late answer about an old one is recognized.

    `released` says that nobody works on the partitions any more. `lost` is the last round whose partitions were
    somebody else's while they were worked on.
    """

    phase: Phase = Phase.OUTSIDE
    round: int = 0
    partitions: frozenset[Partition] = frozenset()
    released: bool = True
    lost: int = 0

    def assigned(self, partitions: frozenset[Partition]) -> Membership:
        """Return the state after the group gave us `partitions`, perhaps none. Nobody works on them yet."""
        return Membership(Phase.HOLDING, self.round + 1, partitions, released=True, lost=self.lost)

    def taken(self) -> Membership:
        """Return the state after somebody began to work on the partitions. Until then they can go at any time."""
        return replace(self, released=False)

    def renewed(self) -> Membership:
        """Return the state after we ended an assignment ourselves, to begin anew with the same partitions."""
        return self.assigned(self.partitions) if self.phase is Phase.HOLDING else self

    def revoked(self, *, lost: bool) -> Membership:
        """Return the state after the group took the partitions: asking (`lost` false), or without asking."""
        if self.phase is not Phase.HOLDING:
            return self
        if lost:
            return replace(self, phase=Phase.OUTSIDE, lost=self.round)
        return replace(self, phase=Phase.OUTSIDE if self.released else Phase.LEAVING)

    def release(self, round: int) -> Membership:
        """Return the state after the holder of assignment `round` finished with it."""
        if round != self.round:
            return self
        return replace(self, released=True, phase=Phase.OUTSIDE if self.phase is Phase.LEAVING else self.phase)

    def overdue(self) -> Membership:
        """Return the state after the group's patience ended: whoever still works does so on lost partitions."""
        return replace(self, phase=Phase.OUTSIDE, lost=self.round) if self.phase is Phase.LEAVING else self

    def holds(self, round: int) -> bool:
        """Return whether assignment `round` may still be read."""
        return self.phase is Phase.HOLDING and round == self.round

    def has_lost(self, round: int) -> bool:
        """Return whether the partitions of assignment `round` may be somebody else's while they are worked on."""
        return round <= self.lost


def fenced(forgotten: float, before: float | None, session_timeout_seconds: float) -> bool:
    """Return whether a static member that the group forgot, now and once `before`, has a double.

    The group forgets a member whose session ran out, and a static one that another process with its
    `group.instance.id` replaced. Two sessions cannot run out within the time of one.
    """
    return before is not None and forgotten - before < session_timeout_seconds


def held_by_others(partitions: frozenset[Partition], group: str, seconds: float) -> str:
    """Return what a bounded run says when it has read its share, and others in the group hold these."""
    named = ", ".join(str(partition) for partition in sorted(partitions)[:NAMED])
    more = f" and {len(partitions) - NAMED} more" if len(partitions) > NAMED else ""
    return (
        f"other members of group {group} hold {named}{more}. If one of them is gone, this run reads its partitions; "
        f"in {seconds:g} s the run ends and leaves them to the others"
    )
