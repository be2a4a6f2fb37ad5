"""What a running pipeline is made of, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sinks import Sink
from stream.config import Config
from stream.load import Trouble, persist
from stream.observe.facts import LagSeen, LogBounds, Observer, Retrying
from stream.runtime.ids import LoadIds
from stream.runtime.prepare import Preparer
from stream.source.budget import Budget
from stream.source.contract import Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the lanes of one pipeline share."""

    pipeline: str
    config: Config
    source: Source
    sink: Sink
    preparer: Preparer
    budget: Budget
    observe: Observer
    new_load_id: LoadIds

    async def steadily(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a repeatable call to the destination returns, sitting out its outages."""
        return await persist(call, self.config.retry, self._outage)

    async def see_lag(self) -> None:
        """Tell what the broker says of the logs we read."""
        bounds = await self.source.bounds()
        self.observe(LagSeen({partition: LogBounds(each.start, each.end) for partition, each in bounds.items()}))

    def _outage(self, trouble: Trouble) -> None:
        self.observe(Retrying("transient", trouble.wait_seconds, str(trouble.error)))
