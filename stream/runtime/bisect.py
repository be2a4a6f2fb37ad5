"""A batch that the destination refused, read again and loaded in parts: its neighbours land, it is set aside."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import Final

from checkpoints import Position
from stream.errors import DestinationError
from stream.evolve import Misfit
from stream.model import RawBatch
from stream.runtime.context import RunContext
from stream.runtime.in_flight import InFlight
from stream.runtime.isolation import BatchBlocked
from stream.runtime.lane import BatchRefused, Lane
from stream.runtime.rejects import Record, RefusedReason
from stream.runtime.turns import Line
from stream.source.contract import Assignment

_MOST_IN_A_ROW: Final = 100


async def load_bisecting(
    context: RunContext, assignment: Assignment, lane: Lane, upto: Position, without: frozenset[str] = frozenset()
) -> None:
    """Carry batches one by one until `upto` is durable, or the assignment ends. Topics `without` are not read.

    What may be cut otherwise the second time need not be refused again: of each batch each topic is tried whole first,
    so that what one table refuses holds up no other. Raises `Fenced` or `SchemaConflict` when the lane is spent, and
    `BatchBlocked` when record after record is refused; whatever was in hand is dropped.
    """
    in_flight = InFlight(context.budget, context.observe)
    try:
        async with aclosing(assignment.batches(lane.committed, without)) as batches:
            began = time.monotonic()
            async for raw in batches:
                in_flight.add(raw, time.monotonic() - began)
                for topic in raw.topics:
                    bisection = _Bisection(context, assignment, lane)
                    await bisection.load(raw.of(topic))
                    await bisection.finish()
                if assignment.lost:
                    return
                in_flight.committed()
                if lane.committed | upto == lane.committed:
                    return
                began = time.monotonic()
    finally:
        in_flight.drop()


class _Bisection:
    """Loads halves of what is refused, down to single records. Those wait, and are set aside with what lands next.

    So a table that refuses everything is noticed before much is set aside for it.
    """

    def __init__(self, context: RunContext, assignment: Assignment, lane: Lane) -> None:
        self._isolation = context.isolation
        self._assignment = assignment
        self._lane = lane
        self._has_landed = False
        self._error: BatchRefused | None = None
        self._refused: dict[Record, Misfit] = {}
        self._waiting = RawBatch(())  # the records that were refused since something landed

    async def load(self, raw: RawBatch) -> None:
        """Load `raw`, or its halves, as far as the destination takes them."""
        try:
            await self._process(self._waiting.followed_by(raw))
        except BatchRefused as error:
            await self._lane.start_over()
            if len(raw) > 1:
                for half in raw.halves():
                    await self.load(half)
            else:
                self._wait(raw, error)

    async def finish(self) -> None:
        """Set aside what is still waiting; but a paused topic of which nothing landed stays paused."""
        for topic in self._waiting.topics:
            if topic in self._isolation.paused and not self._has_landed:
                raise self._blocked(topic)
            await self._process(self._waiting)

    async def _process(self, raw: RawBatch) -> None:
        await self._lane.process(raw, await Line(self._assignment).enter(), self._refused)
        if len(raw) > len(self._refused):
            self._has_landed = True
        elif raw.topics:
            self._isolation.refuse(*raw.topics, records=len(raw))
        self._waiting, self._refused = RawBatch(()), {}

    def _wait(self, raw: RawBatch, error: BatchRefused) -> None:
        if not len(raw):
            raise DestinationError(f"the destination refuses even a batch without rows: {error}") from error
        why = Misfit(RefusedReason.REFUSED, str(error))
        self._refused |= {(part.range.partition, offset): why for part in raw.parts for offset in part.offsets}
        self._waiting = self._waiting.followed_by(raw)
        self._error = error
        (topic,) = raw.topics
        if self._isolation.refused(topic) + len(self._refused) >= _MOST_IN_A_ROW:
            raise self._blocked(topic)

    def _blocked(self, topic: str) -> BatchBlocked:
        in_a_row = self._isolation.refused(topic) + len(self._refused)
        told = DestinationError(
            f"the destination refused {in_a_row} records in a row of {topic}, each by itself, the last with: "
            f"{self._error}. The last {len(self._refused)} are not written anywhere. If a constraint or trigger of "
            "the table is meant to refuse them, drop it or correct the producer"
        )
        told.__cause__ = self._error
        return BatchBlocked(frozenset({topic}), told)
