"""What a running pipeline is made of, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyio import to_thread

from sinks import Schema, SchemaPlan
from stream.config.models import Config
from stream.observe.facts import LagSeen, LogBounds, Observer, SchemaChanged
from stream.runtime.acknowledge import Acknowledger
from stream.runtime.approval import Approval
from stream.runtime.destination import Destination
from stream.runtime.ids import LoadIds
from stream.runtime.imported_schema import NO_FILES, SchemaFiles, import_plan
from stream.runtime.isolation import Isolation
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
    isolation: Isolation
    files: SchemaFiles = NO_FILES
    fixed_columns: set[tuple[str, str]] = field(default_factory=set)
    """Columns, by table and name, whose type stays: to widen them took the destination too long."""

    async def schema(self) -> Schema:
        """Return the stored schema, once it has the tables and columns that a user imports. Raises `SchemaConflict`."""
        stored = await self.destination.schema()
        plan = import_plan(stored, self.files.imported)
        await self.approval.check(plan)
        if plan:
            await self.destination.apply(plan)
            await self.changed(plan)
        else:
            await to_thread.run_sync(self.files.export, stored)
        return plan.target

    async def changed(self, plan: SchemaPlan) -> None:
        """Tell that a plan was applied, and write the schema down."""
        self.observe(SchemaChanged(plan.changes, plan.target.version))
        await to_thread.run_sync(self.files.export, plan.target)

    async def report_lag(self) -> None:
        """Tell what the broker says of the logs we read."""
        bounds = await self.source.bounds()
        self.observe(
            LagSeen(
                {partition: LogBounds(each.start, each.end, each.high_watermark) for partition, each in bounds.items()}
            )
        )
