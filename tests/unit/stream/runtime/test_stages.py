"""A stage that makes no progress is seen from beside it."""

from __future__ import annotations

import anyio
import pytest

from stream.observe.facts import StageMoves, StageStuck
from stream.observe.health import Health
from stream.runtime.stages import StageClock, watch_stages

pytestmark = pytest.mark.anyio


async def test_a_stuck_stage_is_told_with_all_stacks_once_and_that_it_moves_again() -> None:
    stages, facts, health = StageClock(), [], Health(60.0)

    async def until(seen) -> None:
        with anyio.fail_after(10):
            while not seen():
                await anyio.sleep(0.001)

    def observe(fact) -> None:
        facts.append(fact)
        health.observe(fact)

    async with anyio.create_task_group() as group:
        group.start_soon(watch_stages, stages, 0.01, observe)
        with stages.working("decode"):
            await until(lambda: len(facts) > 1)
            assert "the stage decode has made no progress" in (health.liveness_problem() or "")
        await until(lambda: StageMoves() in facts)
        group.cancel_scope.cancel()
    assert health.liveness_problem() is None
    first, second, *_ = facts
    assert isinstance(first, StageStuck)
    assert "thread MainThread" in first.stacks
    assert (second.stage, second.stacks) == ("decode", "")


def test_a_stage_that_is_answered_by_errors_is_not_stuck() -> None:
    now = [0.0]
    stages = StageClock(lambda: now[0])
    with stages.working("load"):
        now[0] = 50.0
        stages.progressed("load")
        now[0] = 60.0
        assert stages.slowest() == ("load", 10.0)
    assert stages.slowest() is None
