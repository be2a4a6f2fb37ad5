"""What each stage is at, and since when: a worker that is stuck is seen from beside it."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from stream.observe.facts import Observer, Stage, StageMoves, StageStuck

_LOOK_SECONDS: Final = 5.0


class StageClock:
    """Which stages are at work. Each works on one batch at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Stage, float] = {}

    @contextmanager
    def working(self, stage: Stage) -> Iterator[None]:
        """Take notice that a stage is at work for the time of a block."""
        self._since[stage] = self._clock()
        try:
            yield
        finally:
            del self._since[stage]

    @contextmanager
    def timed(self, stage: Stage, seconds: dict[Stage, float]) -> Iterator[None]:
        """Do the same, and add to `seconds` how long the block took."""
        began = self._clock()
        with self.working(stage):
            yield
        seconds[stage] = seconds.get(stage, 0.0) + self._clock() - began

    def progressed(self, stage: Stage) -> None:
        """Take notice that a stage at work is not stuck: something answered it, if only with an error."""
        if stage in self._since:
            self._since[stage] = self._clock()

    def slowest(self) -> tuple[Stage, float] | None:
        """Return the stage that has been at work for longest without progress, and for how many seconds."""
        if not self._since:
            return None
        stage = min(self._since, key=self._since.__getitem__)
        return stage, self._clock() - self._since[stage]


async def watch_stages(stages: StageClock, stuck_seconds: float, observe: Observer) -> None:
    """Tell when a stage makes no progress for `stuck_seconds`, once with all stacks, and when it moves again."""
    stuck = False
    while True:
        await anyio.sleep(min(_LOOK_SECONDS, stuck_seconds / 4))
        slowest = stages.slowest()
        if slowest is not None and slowest[1] > stuck_seconds:
            observe(StageStuck(*slowest, stacks="" if stuck else all_stacks()))
            stuck = True
        elif stuck:
            observe(StageMoves())
            stuck = False


def all_stacks() -> str:
    """Return where each thread of this process is: lines of code, no values."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks = (
        f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )
    return "\n".join(stacks)
