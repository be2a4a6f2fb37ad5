"""Reading, preparing and loading at the same time: while batch N loads, N+1 is prepared and N+2 is read."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import aclosing, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from sinks import DataRefused
from stream.model import RawBatch
from stream.observe.facts import BackPressure, BatchAbandoned, BatchRead, BufferChanged, StageTimed
from stream.runtime.groups import lone_error
from stream.runtime.lane import Lane
from stream.runtime.parts import Parts
from stream.runtime.prepare import Prepared
from stream.source.contract import Assignment


class BatchRefused(Exception):
    """The destination refuses a batch for good. `raw` is that batch; everything before it is durable."""

    def __init__(self, raw: RawBatch, error: DataRefused) -> None:
        super().__init__(str(error))
        self.raw = raw
        self.error = error


class Flow:
    """Three tasks between an assignment and a lane, joined by hand-offs that hold nothing."""

    def __init__(self, parts: Parts, assignment: Assignment, lane: Lane) -> None:
        self._parts = parts
        self._assignment = assignment
        self._lane = lane
        self._open: list[RawBatch] = []  # read, neither committed nor abandoned, oldest first

    async def run(self) -> None:
        """Carry batches until the assignment ends and all that was read is durable.

        Raises `Fenced`, `SchemaConflict` or `BatchRefused` when the lane is spent; whatever was in hand is dropped.
        """
        raws_in, raws_out = anyio.create_memory_object_stream[RawBatch](0)
        ready_in, ready_out = anyio.create_memory_object_stream[Prepared | BatchRefused](0)
        try:
            with lone_error():
                async with anyio.create_task_group() as group:
                    group.start_soon(self._read, raws_in, name="read")
                    group.start_soon(self._prepare, raws_out, ready_in, name="prepare")
                    group.start_soon(self._load, ready_out, name="load")
        finally:
            self._abandon()

    async def _read(self, raws: MemoryObjectSendStream[RawBatch]) -> None:
        async with raws, aclosing(self._assignment.batches(self._lane.here)) as batches:
            with suppress(anyio.BrokenResourceError):  # nobody takes it: the partitions are lost, or the lane is spent
                began = time.monotonic()
                async for raw in batches:
                    self._took_in(raw, time.monotonic() - began)
                    waiting = time.monotonic()
                    await raws.send(raw)
                    began = time.monotonic()
                    self._parts.observe(BackPressure(began - waiting))

    async def _prepare(
        self, raws: MemoryObjectReceiveStream[RawBatch], ready: MemoryObjectSendStream[Prepared | BatchRefused]
    ) -> None:
        async with raws, ready:
            with suppress(anyio.BrokenResourceError):  # as above
                async for raw in raws:
                    prepared = await self._prepared(raw)
                    await ready.send(prepared)
                    if isinstance(prepared, BatchRefused):
                        return

    async def _prepared(self, raw: RawBatch) -> Prepared | BatchRefused:
        try:
            return await self._lane.prepare(raw)
        except DataRefused as error:  # told in its turn: what was prepared before it is loaded first
            return BatchRefused(raw, error)

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
                    raise BatchRefused(item.raw, error) from error
                self._close(item.raw)

    def _took_in(self, raw: RawBatch, seconds: float) -> None:
        self._open.append(raw)
        self._parts.observe(StageTimed("poll", seconds))
        self._parts.observe(_read_fact(raw))
        self._buffer_changed()

    def _close(self, raw: RawBatch) -> None:
        self._open.remove(raw)
        self._parts.budget.give_back(raw.nbytes)
        self._buffer_changed()

    def _abandon(self) -> None:
        for raw in tuple(self._open):
            self._parts.observe(BatchAbandoned(_records(raw)))
            self._close(raw)

    def _buffer_changed(self) -> None:
        budget = self._parts.budget
        self._parts.observe(BufferChanged(budget.used_bytes, budget.limit_bytes))


def _records(raw: RawBatch) -> Counter[str]:
    counts: Counter[str] = Counter()
    for slab in raw.slabs:
        counts[slab.range.partition.topic] += len(slab)
    return counts


def _read_fact(raw: RawBatch) -> BatchRead:
    sizes = {raw.topics[0]: raw.nbytes} if len(raw.topics) == 1 else _sizes(raw)
    return BatchRead(_records(raw), sizes, raw.cause)


def _sizes(raw: RawBatch) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for slab in raw.slabs:
        sizes[slab.range.partition.topic] += slab.nbytes
    return sizes
