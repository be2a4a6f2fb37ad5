"""A pipeline at work: assignments come and go, each is claimed, carried and released."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Final, TypeVar

import anyio

from checkpoints import Fenced, Position
from sinks import SchemaConflict
from stream.errors import OwnershipLost, SourceUnavailable
from stream.load import FailedAttempt, retry
from stream.observe.facts import Assigned, Claimed, FencedOut, GapAccepted, Retrying, Revoked
from stream.runtime.bisect import load_bisecting
from stream.runtime.context import RunContext
from stream.runtime.flow import Flow
from stream.runtime.isolation import BatchBlocked
from stream.runtime.lane import BatchRefused, Lane
from stream.runtime.trial import load_next
from stream.source.contract import Assignment
from stream.source.origin import incarnation

# A zombie that wakes after a takeover is told so by its next heartbeat. It waits that long before it claims again, so
# that it does not take the partitions back from their new owner.
_FENCE_WAIT_SECONDS: Final = 3.5
_MOST_FENCES: Final = 5
_LOOK_SECONDS: Final = 0.2  # how often a wait looks whether the partitions are still ours

T = TypeVar("T")


class AssignmentEnded(Exception):
    """The partitions were taken away before they were claimed."""


class Runner:
    """Runs one pipeline until its source ends. `RunContext` are open already, and stay open."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._jitter = random.Random()  # noqa: S311  # so that replicas that conflict do not go on in step

    async def run(self) -> None:
        """Carry everything the source gives. Returns when it ends; any error but an outage ends it too."""
        async with aclosing(self._context.source.assignments()) as assignments:
            async for assignment in assignments:
                try:
                    await self._own(assignment)
                    await self._context.acknowledger.drain()
                finally:
                    assignment.release()
                    self._context.observe(Revoked(assignment.partitions, assignment.lost))

    async def _own(self, assignment: Assignment) -> None:
        self._context.observe(Assigned(assignment.partitions, assignment.topic_partitions))
        self._context.observe(self._context.steering.state)
        fences = conflicts = 0
        stood = Position()
        refused: BatchRefused | None = None
        trial: str | None = None
        isolation, topics = self._context.isolation, frozenset(each.topic for each in assignment.partitions)
        isolation.keep(topics)
        while assignment.partitions and not assignment.ended:
            trial = trial if refused else isolation.next_trial()
            without = topics - {trial} if trial else isolation.paused
            try:
                lane = await self._claim(assignment)
                if lane.committed != stood:
                    fences, conflicts, stood = 0, 0, lane.committed
                if refused:
                    await load_bisecting(self._context, assignment, lane, refused.upto, without)
                    refused = None  # its schema is the one from before the bisection: claim again
                elif trial:
                    await load_next(self._context, assignment, lane, without)
                elif await Flow(self._context, assignment, lane).run():
                    return
                if trial and not assignment.ended:
                    isolation.free(trial)
            except AssignmentEnded:
                return
            except BatchRefused as error:
                refused = error
            except BatchBlocked as error:
                refused = None
                isolation.block(error)
            except SchemaConflict as error:
                await self._wait_after_conflict(error, conflicts, assignment)
                conflicts += 1
            except Fenced as error:
                fences += 1
                await self._wait_after_fence(error, fences)

    async def _claim(self, assignment: Assignment) -> Lane:
        destination = self._context.destination
        known = await destination.positions(assignment.topics)
        starts = await self._asked(_while_ours(assignment, partial(assignment.starts, known)))
        origins = await self._asked(_while_ours(assignment, assignment.origins))
        take = partial(destination.sink.claim, assignment.partitions, starts, origins)
        claim = await destination.with_retry(_while_ours(assignment, take))
        self._context.observe(Claimed(claim.position, claim.epoch))
        await self._context.report_lag()
        incarnations = {topic: incarnation(found, known.origins.get(topic, "/")) for topic, found in origins.items()}
        lane = Lane(self._context, claim, await self._context.schema(), incarnations)
        for gap in assignment.gaps:
            self._context.observe(GapAccepted(gap.kind, gap.range))
            await lane.skip_lost(gap.range)
        return lane

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """Return a broker's answer, sitting out that none answers."""

        def notify(attempt: FailedAttempt) -> None:
            self._context.observe(Retrying("connect", attempt.wait_seconds, str(attempt.error)))

        return await retry(question, self._context.config.retry, notify, passing=(SourceUnavailable,))

    async def _wait_after_conflict(self, error: SchemaConflict, before: int, assignment: Assignment) -> None:
        """Wait twice as long each time nothing was loaded since the last one; the first is planned anew at once."""
        policy = self._context.config.retry
        seconds = min(policy.first_wait_seconds * 2.0 ** (before - 1), policy.max_wait_seconds) if before else 0.0
        self._context.observe(Retrying("schema_conflict", seconds, str(error)))
        until = anyio.current_time() + seconds * self._jitter.uniform(0.5, 1.0)
        while not assignment.ended and (left := until - anyio.current_time()) > 0:  # noqa: ASYNC110  # no event tells
            await anyio.sleep(min(left, _LOOK_SECONDS))

    async def _wait_after_fence(self, error: Fenced, fences: int) -> None:
        self._context.observe(FencedOut(str(error)))
        if fences >= _MOST_FENCES:
            raise OwnershipLost(
                f"pipeline {self._context.pipeline!r} was fenced {fences} times in one assignment: another process "
                "with this pipeline name, but another consumer group, claims the same partitions. Stop one of them, "
                "or give it a pipeline name of its own"
            ) from error
        await anyio.sleep(_FENCE_WAIT_SECONDS)


def _while_ours(assignment: Assignment, call: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """Return `call`, which raises `AssignmentEnded` once the partitions are somebody else's."""

    async def checked() -> T:
        if assignment.ended:
            raise AssignmentEnded
        return await call()

    return checked
