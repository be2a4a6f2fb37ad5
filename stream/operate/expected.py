"""What tallies should be: of offsets without a gap, and of those that a log holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from sinks.audit import BUCKET, Tally, mixed


@dataclass(frozen=True, slots=True)
class Sums:
    """How many offsets, and the two sums of a tally."""

    count: int = 0
    places: int = 0
    mix: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.places + other.places, self.mix + other.mix)


def sums_of(tally: Tally | None) -> Sums:
    """Return the sums of a tally; of none at all, nothing."""
    return Sums() if tally is None else Sums(tally.count, tally.places, tally.mix)


def of_all(start: int, stop: int) -> Sums:
    """Return the sums of each offset in `start`..`stop`, which lie in one bucket, once."""
    first = start % BUCKET
    last = first + (stop - start)
    prefix = _prefix()
    places = (last * (last - 1) - first * (first - 1)) // 2
    return Sums(stop - start, places, prefix[last] - prefix[first])


def of_these(offsets: Iterable[int]) -> Sums:
    """Return the sums of these offsets of one bucket."""
    places = [offset % BUCKET for offset in offsets]
    return Sums(len(places), sum(places), sum(map(_mixes().__getitem__, places)))


@cache
def _mixes() -> tuple[int, ...]:
    return tuple(map(mixed, range(BUCKET)))


@cache
def _prefix() -> tuple[int, ...]:
    return (0, *accumulate(_mixes()))
