"""The sink as lanes see it: each call returns when the destination has answered, with retries during outages."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Literal, TypeVar

from checkpoints import Checkpoint, Fenced, Known
from sinks import Batch, Receipt, Schema, SchemaPlan, Sink, TimedOut, WidenColumn
from stream.config.models import Retry
from stream.load import FailedAttempt, Notify, deliver, retry
from stream.observe.facts import CommitFailed, Observer, Retrying, RetryReason, StateChanged
from stream.runtime.stages import StageClock

T = TypeVar("T")


class WideningTooSlow(Exception):
    """Columns, by table and name, could not be widened within the statement timeout; they are as they were."""

    def __init__(self, columns: Collection[tuple[str, str]], error: TimedOut) -> None:
        names = ", ".join(f"{table}.{column}" for table, column in columns)
        super().__init__(f"{names}: not widened in time, so a variant column takes what does not fit ({error})")
        self.columns = columns


class Destination:
    """A sink behind its retries. Used by one task at a time, as the sink itself; raises what no repetition mends."""

    def __init__(self, sink: Sink, policy: Retry, stages: StageClock, observe: Observer) -> None:
        self.sink = sink
        self._stages = stages
        self._policy = policy
        self._observe = observe

    async def positions(self, topics: Collection[str]) -> Known:
        """Return what the destination remembers of `topics`."""
        return await self.with_retry(partial(self.sink.positions, topics))

    async def schema(self) -> Schema:
        """Return the newest stored schema."""
        return await self.with_retry(self.sink.schema)

    async def apply(self, plan: SchemaPlan) -> None:
        """Make the destination what `plan` says; see `Sink.apply`. Raises `WideningTooSlow` as well."""
        await self.with_retry(partial(self._apply, plan))

    async def _apply(self, plan: SchemaPlan) -> None:
        try:
            await self.sink.apply(plan)
        except TimedOut as error:
            columns = [(each.table, each.column.name) for each in plan.changes if isinstance(each, WidenColumn)]
            if columns:
                raise WideningTooSlow(columns, error) from error
            raise

    async def can_widen(self, change: WidenColumn, *, max_rows: int) -> bool:
        """Return whether a column may take its new type now; see `Sink.can_widen`. Not if it takes long to tell."""
        return await self.with_retry(partial(self._can_widen, change, max_rows))

    async def _can_widen(self, change: WidenColumn, max_rows: int) -> bool:
        try:
            return await self.sink.can_widen(change, max_rows=max_rows)
        except TimedOut:
            return False

    async def load(self, batch: Batch, step: Checkpoint) -> Receipt:
        """Make a batch durable, both rows and position or neither; see `stream.load.deliver`."""
        began = time.monotonic()

        def failed(outcome: Literal["failed", "unknown", "fenced"], error: Exception) -> None:
            self._observe(CommitFailed(outcome, str(error), time.monotonic() - began))

        async def delivered(notify: Notify) -> Receipt:
            def told(attempt: FailedAttempt) -> None:
                failed(attempt.outcome, attempt.error)
                notify(attempt)

            return await deliver(self.sink, batch, step, self._policy, told)

        try:
            return await self._retrying(delivered)
        except Fenced as error:
            failed("fenced", error)
            raise

    async def with_retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a repeatable call returns, sitting out the destination's outages."""
        return await self._retrying(lambda notify: retry(call, self._policy, notify))

    async def _retrying(self, work: Callable[[Notify], Awaitable[T]]) -> T:
        """Return what `work` returns; each failed try is told, and that the pipeline is paused until one succeeds."""
        paused = False

        def notify(attempt: FailedAttempt) -> None:
            nonlocal paused
            if not paused:
                paused = True
                self._observe(StateChanged("paused", "destination unavailable"))
            self._stages.progressed("load")  # it is an outage: the destination, or the network, has answered
            reason: RetryReason = "in_doubt" if attempt.outcome == "unknown" else "transient"
            self._observe(Retrying(reason, attempt.wait_seconds, str(attempt.error)))

        result = await work(notify)
        if paused:
            self._observe(StateChanged("running"))
        return result
