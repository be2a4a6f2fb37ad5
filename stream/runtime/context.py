"""What a running pipeline is made of, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sinks import Sink
from stream.config.models import Config
from stream.load import FailedAttempt, Notify, retry
from stream.observe.facts import LagSeen, LogBounds, Observer, Retrying, RetryReason, StateChanged
from stream.runtime.ids import LoadIds
from stream.runtime.prepare import Preparer
from stream.source.budget import Budget
from stream.source.contract import Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything that the lanes of one pipeline share."""

    pipeline: str
    config: Config
    source: Source
    sink: Sink
    preparer: Preparer
    budget: Budget
    observe: Observer
    new_load_id: LoadIds

    async def with_retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a repeatable call to the destination returns, sitting out its outages."""
        return await self.retrying(lambda notify: retry(call, self.config.retry, notify))

    async def retrying(self, work: Callable[[Notify], Awaitable[T]]) -> T:
        """Return what `work` returns; each failed try is told, and that the pipeline is paused until one succeeds."""
        paused = False

        def notify(attempt: FailedAttempt) -> None:
            nonlocal paused
            if not paused:
                paused = True
                self.observe(StateChanged("paused", "the destination is away"))
            reason: RetryReason = "in_doubt" if attempt.outcome == "unknown" else "transient"
            self.observe(Retrying(reason, attempt.wait_seconds, str(attempt.error)))

        result = await work(notify)
        if paused:
            self.observe(StateChanged("running"))
        return result

    async def report_lag(self) -> None:
        """Tell what the broker says of the logs we read."""
        bounds = await self.source.bounds()
        self.observe(LagSeen({partition: LogBounds(each.start, each.end) for partition, each in bounds.items()}))
