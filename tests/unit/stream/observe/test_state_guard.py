"""A run's states in their order."""

from __future__ import annotations

import pytest

from stream.observe.facts import Fact, LoopTicked, State, StateChanged
from stream.observe.state_guard import forward_only


def passed(*states: State) -> list[State]:
    told: list[Fact] = []
    observe = forward_only(told.append)
    for state in states:
        observe(StateChanged(state))
    return [fact.state for fact in told if isinstance(fact, StateChanged)]


def test_a_run_may_pause_and_go_on_as_often_as_it_must() -> None:
    assert passed("starting", "running", "paused", "running") == ["starting", "running", "paused", "running"]


@pytest.mark.parametrize("end", ["draining", "failed", "stopped"])
def test_there_is_no_way_back_from_the_end(end: State) -> None:
    assert passed("running", end, "paused", "running") == ["running", end]


def test_whoever_drains_still_stops() -> None:
    assert passed("draining", "paused", "stopped") == ["draining", "stopped"]


def test_what_is_no_state_is_told_at_any_time() -> None:
    told: list[Fact] = []
    observe = forward_only(told.append)
    observe(StateChanged("stopped"))
    observe(LoopTicked(0.0))
    assert told[-1] == LoopTicked(0.0)
