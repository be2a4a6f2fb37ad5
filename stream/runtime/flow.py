"""Reading, preparing and loading at the same time: while batch N loads, N+1 is prepared and N+2 is read."""

from __future__ import annotations

import time
from contextlib import aclosing

import anyio

from checkpoints import Fenced
from sinks import SchemaConflict
from stream.model.exception_groups import unwrap_first_of
from stream.observe.facts import BackPressure
from stream.runtime.context import RunContext
from stream.runtime.in_flight import InFlight
from stream.runtime.isolation import BatchBlocked
from stream.runtime.lane import BatchRefused, Lane
from stream.runtime.turns import Line
from stream.source.contract import Assignment


class Flow:
    """Reads an assignment and starts each batch on its way through a lane."""

    def __init__(self, context: RunContext, assignment: Assignment, lane: Lane) -> None:
        self._context = context
        self._assignment = assignment
        self._lane = lane
        self._in_flight = InFlight(context.budget, context.observe)

    async def run(self) -> bool:
        """Carry batches until all that was read is durable, and return whether the assignment ended.

        It has not when a topic that is paused is to be tried again. Raises `Fenced`, `SchemaConflict`, `BatchBlocked`
        or `BatchRefused` when the lane is spent; whatever was in hand is dropped.
        """
        reading = anyio.CancelScope()
        try:
            with unwrap_first_of(Fenced, SchemaConflict, BatchBlocked, BatchRefused):
                async with anyio.create_task_group() as group:
                    rewound = self._context.steering.raise_when_rewound
                    group.start_soon(rewound, self._assignment.partitions, self._lane.epoch, name="rewound")
                    group.start_soon(self._end_when_due, reading, name="paused topics")
                    async with anyio.create_task_group() as batches:
                        with reading:
                            await self._read(batches)
                    group.cancel_scope.cancel()
        finally:
            self._in_flight.drop()
        return not reading.cancelled_caught

    async def _end_when_due(self, reading: anyio.CancelScope) -> None:
        await self._context.isolation.until_due()
        reading.cancel()

    async def _read(self, group: anyio.abc.TaskGroup) -> None:
        await self._context.steering.go(self._assignment)
        line = Line(self._assignment, self._in_flight.committed)
        async with aclosing(self._assignment.batches(self._lane.committed, self._context.isolation.paused)) as batches:
            began = time.monotonic()
            async for raw in batches:
                self._in_flight.add(raw, time.monotonic() - began)
                waiting = time.monotonic()
                turn = await line.enter()
                group.start_soon(self._lane.process, raw, turn, name="process")
                del raw  # it has gone on: only who works on a batch holds its records
                began = time.monotonic()
                self._context.observe(BackPressure(began - waiting))
                await self._context.steering.go(self._assignment)
