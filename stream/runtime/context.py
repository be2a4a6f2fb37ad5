"""What a running pipeline is made of, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.config.models import Config
from stream.observe.facts import LagSeen, LogBounds, Observer
from stream.runtime.acknowledge import Acknowledger
from stream.runtime.approval import Approval
from stream.runtime.destination import Destination
from stream.runtime.ids import LoadIds
from stream.runtime.prepare import Preparer
from stream.runtime.reject_tally import RejectBudget
from stream.runtime.schemas import FindSchemas
from stream.runtime.stages import StageClock
from stream.runtime.steering import Steering
from stream.source.budget import Budget
from stream.source.contract import Source


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything that the lanes of one pipeline share."""

    pipeline: str
    config: Config
    source: Source
    destination: Destination
    preparer: Preparer
    budget: Budget
    budget_of_rejects: RejectBudget
    acknowledger: Acknowledger
    stages: StageClock
    observe: Observer
    new_load_id: LoadIds
    find_schemas: FindSchemas
    steering: Steering
    approval: Approval
    fixed_columns: set[tuple[str, str]] = field(default_factory=set)
    """Columns, by table and name, whose type stays: to widen them took the destination too long."""

    async def report_lag(self) -> None:
        """Tell what the broker says of the logs we read."""
        bounds = await self.source.bounds()
        self.observe(
            LagSeen(
                {partition: LogBounds(each.start, each.end, each.high_watermark) for partition, each in bounds.items()}
            )
        )
