"""The next batch of one topic, loaded alone: whether its table can take rows again."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import Final

import anyio

from stream.runtime.context import RunContext
from stream.runtime.in_flight import InFlight
from stream.runtime.lane import Lane
from stream.runtime.turns import Line
from stream.source.contract import Assignment

_READ_SECONDS: Final = 2.0  # a topic that has nothing to read is as well as any other


async def load_next(context: RunContext, assignment: Assignment, lane: Lane, without: frozenset[str]) -> None:
    """Load the next batch of what is not `without`, if there is one.

    Raises `BatchBlocked`, `BatchRefused`, `Fenced` or `SchemaConflict`; the lane is spent then, and what was read is
    dropped.
    """
    in_flight = InFlight(context.budget, context.observe)
    await context.steering.go(assignment)
    raw, began = None, time.monotonic()
    try:
        async with aclosing(assignment.batches(lane.committed, without)) as batches:
            with anyio.move_on_after(_READ_SECONDS):
                raw = await anext(batches, None)
            if raw is None:
                return
            in_flight.add(raw, time.monotonic() - began)
            await lane.process(raw, await Line(assignment).enter())
            if not assignment.lost:
                in_flight.committed()
    finally:
        in_flight.drop()
