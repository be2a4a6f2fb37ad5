"""How far the destination is behind Kafka, per partition: from *its* position, not from the consumer's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from checkpoints import Partition
from stream.observe.facts import (
    Assigned,
    BatchLoaded,
    Claimed,
    LagSeen,
    LogBounds,
    Revoked,
)

STALLED_SECONDS: Final = 60.0

LagFact: TypeAlias = Assigned | Revoked | Claimed | BatchLoaded | LagSeen


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one partition of ours stands. Times are seconds since 1970; None is what nobody has told yet."""

    committed: int | None = None
    bounds: LogBounds | None = None
    newest_event: float | None = None
    caught_up_at: float | None = None
    behind_at: float | None = None  # when it was first seen behind, since it was last seen level
    moved_at: float | None = None  # when the committed offset was last another one than before
    held_at: float | None = None  # when the log was first seen to end for us where it does now, with more behind

    @property
    def lag(self) -> int | None:
        """Return how many offsets are in the log and not yet in the destination."""
        if self.committed is None or self.bounds is None:
            return None
        return max(0, self.bounds.end - self.committed)

    def is_stalled(self, now: float) -> bool:
        """Return whether there are records to load and nothing was committed for long: by movement, not by a number."""
        if not self.lag:
            return False
        still_since = max((at for at in (self.moved_at, self.behind_at) if at is not None), default=now)
        return now - still_since > STALLED_SECONDS

    @property
    def held(self) -> int:
        """Return how many offsets are written and not delivered: an open transaction holds them back."""
        if self.bounds is None or self.bounds.high_watermark is None:
            return 0
        return max(0, self.bounds.high_watermark - self.bounds.end)

    def held_seconds(self, now: float) -> float:
        """Return for how long the same open transaction has been seen to hold records back; 0 when none does."""
        return 0.0 if self.held_at is None else max(0.0, now - self.held_at)

    def lag_seconds(self, now: float) -> float:
        """Return for how long the destination has been behind, at most; 0 when it is not behind.

        Behind since the newest event that is visible, or since it was last seen to be level: whichever is later. So
        one event after a quiet hour is not an hour of lag. Where neither is known, since it was first seen behind.
        """
        if not self.lag:
            return 0.0
        since = max((at for at in (self.newest_event, self.caught_up_at) if at is not None), default=self.behind_at)
        return 0.0 if since is None else max(0.0, now - since)


Standings: TypeAlias = Mapping[Partition, Standing]


def follow(standings: Standings, fact: LagFact, now: float) -> Standings:
    """Return the standings after `fact`; those of revoked partitions are gone."""
    match fact:
        case Assigned():
            changed = {partition: standings.get(partition, Standing()) for partition in fact.partitions}
            return {**standings, **changed}
        case Revoked():
            return {partition: s for partition, s in standings.items() if partition not in fact.partitions}
        case Claimed() | BatchLoaded():
            return {**standings, **_committed(standings, fact, now)}
        case LagSeen():
            seen = {p: _seen(standings[p], b, now) for p, b in fact.bounds.items() if p in standings}
            return {**standings, **_levelled(seen, now)}
    assert_never(fact)


def _committed(standings: Standings, fact: Claimed | BatchLoaded, now: float) -> Standings:
    position = fact.position if isinstance(fact, Claimed) else fact.receipt.step.upto
    newest = {} if isinstance(fact, Claimed) else fact.newest_event
    moved = {}
    for partition, offset in position.next.items():
        was = standings.get(partition, Standing())
        seen = max((at for at in (was.newest_event, newest.get(partition)) if at is not None), default=None)
        moved_at = was.moved_at if offset == was.committed else now
        moved[partition] = replace(was, committed=offset, newest_event=seen, moved_at=moved_at)
    return _levelled(moved, now)


def _seen(standing: Standing, bounds: LogBounds, now: float) -> Standing:
    stood = standing.bounds is not None and standing.bounds.end == bounds.end
    seen = replace(standing, bounds=bounds)
    return replace(seen, held_at=(standing.held_at if stood and standing.held_at else now) if seen.held else None)


def _levelled(standings: Standings, now: float) -> Standings:
    return {partition: _judged(standing, now) for partition, standing in standings.items()}


def _judged(standing: Standing, now: float) -> Standing:
    if standing.lag == 0:
        return replace(standing, caught_up_at=now, behind_at=None)
    return replace(standing, behind_at=now) if standing.lag and standing.behind_at is None else standing
