"""Whether a restart would help, and whether a rollout may go on: judged from facts alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from stream.observe.facts import Assigned, Fact, LoopTicked, StageMoves, StageStuck, State, StateChanged

_NOT_READY: Final[frozenset[State]] = frozenset({"starting", "draining", "failed", "stopped"})


class Health:
    """An observer that knows whether the event loop moves and the group is joined. Safe to ask from another thread."""

    def __init__(self, heartbeat_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._bound = heartbeat_seconds
        self._clock = clock
        self._beat_at = clock()
        self._stuck: StageStuck | None = None
        self._joined = False
        self._state: State = "starting"

    def observe(self, fact: Fact) -> None:
        """Take notice of heartbeats, assignments and states."""
        match fact:
            case LoopTicked():
                self._beat_at = self._clock()
            case StageStuck():
                self._stuck = fact
            case StageMoves():
                self._stuck = None
            case Assigned():
                self._joined = True
            case StateChanged():
                self._state = fact.state
            case _:
                pass

    def liveness_problem(self) -> str | None:
        """Return why a restart would help; None while event loop and stages move. No dependency is asked."""
        silent = self._clock() - self._beat_at
        if silent > self._bound:
            return f"the event loop has not moved for {silent:.0f} s"
        if self._stuck is not None:
            return f"the stage {self._stuck.stage} has made no progress for {self._stuck.seconds:.0f} s"
        return None

    def readiness_problem(self) -> str | None:
        """Return why a rollout should wait; None when started, in the group (with partitions or not), not draining."""
        if self._state in _NOT_READY:
            return self._state
        return None if self._joined else "waiting for the consumer group"
