"""A batch that the destination refused, read again and taken in context: its neighbours land, it is set aside."""

from __future__ import annotations

import time
from contextlib import aclosing

from checkpoints import Position
from stream.runtime.context import RunContext
from stream.runtime.in_flight import InFlight
from stream.runtime.lane import Lane
from stream.source.contract import Assignment


async def load_bisecting(context: RunContext, assignment: Assignment, lane: Lane, upto: Position) -> None:
    """Carry batches one by one until `upto` is durable, or the assignment ends.

    What may be cut otherwise the second time need not be refused again: each batch is tried whole first. Raises
    `Fenced` or `SchemaConflict` when the lane is spent; whatever was in hand is dropped.
    """
    in_flight = InFlight(context.budget, context.observe)
    try:
        async with aclosing(assignment.batches(lane.committed)) as batches:
            began = time.monotonic()
            async for raw in batches:
                in_flight.add(raw, time.monotonic() - began)
                if assignment.lost:
                    return
                await lane.load_bisecting(raw)
                in_flight.committed()
                if lane.committed | upto == lane.committed:
                    return
                began = time.monotonic()
    finally:
        in_flight.drop()
