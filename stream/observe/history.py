"""The last hour in some hundred points: what the page's charts are drawn from."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from stream.observe.facts import Assigned, BatchLoaded, Claimed, Fact, LagSeen, LoopTicked, Revoked
from stream.observe.lag import Standings, follow

STEP_SECONDS: Final = 10.0
_POINTS: Final = 360  # an hour


@dataclass(frozen=True, slots=True)
class Point:
    """One step of time: rows committed in it, the lag at its end, and its worst freshness (None: nothing committed)."""

    at: float
    rows: int
    lag: int
    freshness: float | None


class History:
    """An observer that keeps an hour. Reading `points` from another thread is safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: deque[Point] = deque(maxlen=_POINTS)
        self._standings: Standings = {}
        self._began = clock()
        self._rows = 0
        self._freshness: float | None = None
        self.points: tuple[Point, ...] = ()

    def observe(self, fact: Fact) -> None:
        """Count what a step brings; the loop's tick ends one."""
        match fact:
            case BatchLoaded():
                self._loaded(fact)
                self._standings = follow(self._standings, fact, self._clock())
            case Assigned() | Revoked() | Claimed() | LagSeen():
                self._standings = follow(self._standings, fact, self._clock())
            case LoopTicked():
                self._end_step()
            case _:
                pass

    def _loaded(self, fact: BatchLoaded) -> None:
        self._rows += sum(fact.receipt.rows.values())
        if fact.oldest_event is not None:
            age = max(0.0, self._clock() - fact.oldest_event)
            self._freshness = age if self._freshness is None else max(age, self._freshness)

    def _end_step(self) -> None:
        now = self._clock()
        if now - self._began < STEP_SECONDS:
            return
        lag = sum(standing.lag or 0 for standing in self._standings.values())
        self._kept.append(Point(now, self._rows, lag, self._freshness))
        self.points = tuple(self._kept)
        self._began, self._rows, self._freshness = now, 0, None


def history_json(points: tuple[Point, ...], freshness_target_seconds: float) -> dict[str, Any]:
    """Return points as columns that JSON can hold."""
    return {
        "step_seconds": STEP_SECONDS,
        "freshness_target_seconds": freshness_target_seconds,
        "at": [round(point.at, 1) for point in points],
        "rows_per_second": [round(point.rows / STEP_SECONDS, 1) for point in points],
        "lag_records": [point.lag for point in points],
        "freshness_seconds": [None if p.freshness is None else round(p.freshness, 3) for p in points],
    }
