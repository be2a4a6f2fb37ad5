"""A batch that the destination refused, read again and taken in parts: its neighbours land, it is set aside."""

from __future__ import annotations

import time
from contextlib import aclosing

from checkpoints import Position
from stream.runtime.context import Parts
from stream.runtime.in_flight import Held
from stream.runtime.lane import Lane
from stream.source.contract import Assignment


async def carry_apart(parts: Parts, assignment: Assignment, lane: Lane, upto: Position) -> None:
    """Carry batches one by one until `upto` is durable, or the assignment ends.

    What may be cut otherwise the second time need not be refused again: each batch is tried whole first. Raises
    `Fenced` or `SchemaConflict` when the lane is spent; whatever was in hand is dropped.
    """
    held = Held(parts.budget, parts.observe)
    try:
        async with aclosing(assignment.batches(lane.here)) as batches:
            began = time.monotonic()
            async for raw in batches:
                held.took(raw, time.monotonic() - began)
                if assignment.lost:
                    return
                await lane.carry_apart(raw)
                held.landed()
                if lane.here | upto == lane.here:
                    return
                began = time.monotonic()
    finally:
        held.abandon()
