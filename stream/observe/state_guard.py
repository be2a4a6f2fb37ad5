"""The way a run takes through its states: once its end has begun, there is no way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stream.observe.facts import Fact, Observer, State, StateChanged

_STAGE: Final[Mapping[State, int]] = {
    "starting": 0,
    "running": 0,
    "paused": 0,
    "draining": 1,
    "failed": 2,
    "stopped": 2,
}


def forward_only(observe: Observer) -> Observer:
    """Return an observer that tells `observe` every fact but a state that lies behind.

    Tasks that are still at work while others drain tell of pauses and recoveries; the run drains all the same.
    """
    reached = 0

    def told(fact: Fact) -> None:
        nonlocal reached
        if isinstance(fact, StateChanged):
            if _STAGE[fact.state] < reached:
                return
            reached = _STAGE[fact.state]
        observe(fact)

    return told
