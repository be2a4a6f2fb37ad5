"""Reading, preparing and loading at the same time: while batch N loads, N+1 is prepared and N+2 is read."""

from __future__ import annotations

import time
from contextlib import aclosing, suppress
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from checkpoints import Position
from sinks import DataRefused
from stream.model import RawBatch
from stream.model.exception_groups import unwrap_single
from stream.observe.facts import BackPressure
from stream.runtime.context import RunContext
from stream.runtime.in_flight import InFlight
from stream.runtime.lane import Lane
from stream.runtime.prepare import Prepared
from stream.source.contract import Assignment

_WAITING: Final = 1  # prepared batches between prepare and load: docs/decisions/0012-what-paces-a-stream.md


class BatchRefused(Exception):
    """The destination refuses a batch for good: the one that ends at `upto`. Everything before it is durable."""

    def __init__(self, upto: Position, error: DataRefused) -> None:
        super().__init__(str(error))
        self.upto = upto


class Flow:
    """Three tasks between an assignment and a lane. One prepared batch may wait, so that a slow load stalls nobody."""

    def __init__(self, context: RunContext, assignment: Assignment, lane: Lane) -> None:
        self._context = context
        self._assignment = assignment
        self._lane = lane
        self._in_flight = InFlight(context.budget, context.observe)

    async def run(self) -> None:
        """Carry batches until the assignment ends and all that was read is durable.

        Raises `Fenced`, `SchemaConflict` or `BatchRefused` when the lane is spent; whatever was in hand is dropped.
        """
        raws_in, raws_out = anyio.create_memory_object_stream[RawBatch](0)
        ready_in, ready_out = anyio.create_memory_object_stream[Prepared | BatchRefused](_WAITING)
        try:
            with unwrap_single():
                async with anyio.create_task_group() as group:
                    group.start_soon(self._read, raws_in, name="read")
                    group.start_soon(self._prepare, raws_out, ready_in, name="prepare")
                    group.start_soon(self._load, ready_out, name="load")
        finally:
            self._in_flight.drop()

    async def _read(self, raws: MemoryObjectSendStream[RawBatch]) -> None:
        async with raws, aclosing(self._assignment.batches(self._lane.committed)) as batches:
            with suppress(anyio.BrokenResourceError):  # nobody takes it: the partitions are lost, or the lane is spent
                began = time.monotonic()
                async for raw in batches:
                    self._in_flight.add(raw, time.monotonic() - began)
                    waiting = time.monotonic()
                    await raws.send(raw)
                    del raw  # it has gone on: only who works on a batch holds its records
                    began = time.monotonic()
                    self._context.observe(BackPressure(began - waiting))

    async def _prepare(
        self, raws: MemoryObjectReceiveStream[RawBatch], ready: MemoryObjectSendStream[Prepared | BatchRefused]
    ) -> None:
        async with raws, ready:
            with suppress(anyio.BrokenResourceError):  # as above
                async for raw in raws:
                    prepared = await self._prepared(raw)
                    del raw  # as above
                    await ready.send(prepared)
                    if isinstance(prepared, BatchRefused):
                        return

    async def _prepared(self, raw: RawBatch) -> Prepared | BatchRefused:
        try:
            return await self._lane.prepare(raw)
        except DataRefused as error:  # told in its turn: what was prepared before it is loaded first
            return BatchRefused(self._lane.committed.advanced_by(raw.ranges), error)

    async def _load(self, ready: MemoryObjectReceiveStream[Prepared | BatchRefused]) -> None:
        async with ready:
            async for item in ready:
                if isinstance(item, BatchRefused):
                    raise item
                if self._assignment.lost:
                    return
                try:
                    await self._lane.commit(item)
                except DataRefused as error:
                    raise BatchRefused(item.step.upto, error) from error
                self._in_flight.committed()
                del item  # as above
