"""Loading data that is in memory: one package, one commit, the same stages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import pyarrow as pa
from anyio import to_thread

from checkpoints import Checkpoint
from sinks import Batch, SchemaConflict, Sink
from stream.config.models import Config
from stream.errors import PipelineStepFailed, SchemaRefused
from stream.load import FailedAttempt, deliver, retry
from stream.model import Documents, RowDocuments
from stream.observe.facts import BatchLoaded, Observer, Retrying, SchemaChanged, Started
from stream.runtime.prepare import Preparer

_MOST_CONFLICTS: Final = 10


async def load_package(
    pipeline: str, config: Config, sink: Sink, table: str, values: Sequence[Any], load_id: str, observe: Observer
) -> None:
    """Load `values` (objects, or scalars for a column `value`) into `table` and its child tables, in one commit.

    None is counted and skipped. Raises `PipelineStepFailed` with the step that failed; nothing is half-written. Safe
    to repeat with the same `load_id`: what landed is fenced, not doubled.
    """

    def outage(attempt: FailedAttempt) -> None:
        observe(Retrying("transient", attempt.wait_seconds, str(attempt.error)))

    step = "sync"
    try:
        await retry(sink.open, config.retry, outage, within=config.retry.start_seconds)
        preparer = Preparer(config, sink.capabilities)
        documents = _documents(table, values)
        for _ in range(_MOST_CONFLICTS):
            step = "sync"
            schema = await retry(sink.schema, config.retry, outage)
            observe(Started(sink.capabilities.name, config.destination.dataset or pipeline, (), schema.version))
            step = "normalize"
            tables = await to_thread.run_sync(preparer.normalize, (documents,), schema, load_id)
            evolved = await to_thread.run_sync(preparer.evolve, schema, tables)
            for misfit in evolved.refused.values():
                raise SchemaRefused(misfit.error)
            step = "load"
            try:
                if evolved.plan:
                    await retry(partial(sink.apply, evolved.plan), config.retry, outage)
                    observe(SchemaChanged(evolved.plan.changes, evolved.plan.target.version))
                batch = Batch(evolved.tables, schema_version=evolved.plan.target.version)
                receipt = await deliver(sink, batch, Checkpoint(pipeline, load_id), config.retry, outage)
            except SchemaConflict as error:
                observe(Retrying("schema_conflict", 0.0, str(error)))
                continue
            skipped = sum(value is None for value in values)
            observe(BatchLoaded(receipt, skipped={table: {"null": skipped}} if skipped else {}))
            return
        raise SchemaConflict(
            f"others changed the schema {_MOST_CONFLICTS} times while this load was planned; try again"
        )
    except Exception as error:
        raise PipelineStepFailed(step, load_id, error) from error


def _documents(table: str, values: Sequence[Any]) -> Documents:
    rows = [value if isinstance(value, dict) else {"value": value} for value in values if value is not None]
    keys = pa.table({"_hr_id": pa.array([uuid.uuid4().hex for _ in rows], pa.string())})
    return Documents(table, loose=(RowDocuments(rows, keys),))
