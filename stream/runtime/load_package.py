"""Loading a package: its tables, its rejects and its state in one commit, under its load id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

import pyarrow as pa
from anyio import to_thread

from checkpoints import Checkpoint, Fenced
from checkpoints.failpoints import failpoint
from sinks import Batch, DataRefused, Replace, Schema, SchemaConflict, SchemaPlan, Sink, WidenColumn
from sinks.document import version_hash
from stream.config.models import Config
from stream.evolve import Evolved
from stream.load import Notify, deliver, retry
from stream.observe.facts import BatchLoaded, Observer, Retrying, SchemaChanged
from stream.packages import Failure, Package, PackageStore
from stream.runtime.dispositions import settled
from stream.runtime.hint_wishes import wishes_of_hints
from stream.runtime.prepare import Preparer
from stream.runtime.shape_package import plan_of, rejects_of, shape_package, tables_of
from stream.runtime.staging import Staging

STATE_KEY: Final = "state"
_MOST_CONFLICTS: Final = 10


async def load_package(
    pipeline: str,
    config: Config,
    sink: Sink,
    store: PackageStore,
    package: Package,
    observe: Observer,
    notify: Notify,
    imported: Schema | None = None,
    staging: Staging | None = None,
) -> Package:
    """Load one normalized package and return it as loaded, or as failed where the destination refuses it for good.

    Safe to repeat: what a process that died had committed is known by its load id and not written again. The schema
    may have moved since the package was normalized; it is then normalized again. Outages are retried. Raises what the
    sink raises.
    """
    if package.state == "loading" and await retry(partial(sink.is_committed, package.load_id), config.retry, notify):
        return store.note_loaded(package)  # it died between the commit and this note
    package = package.moved_to("loading")
    failpoint("package.before_load")
    try:
        await _commit(pipeline, config, sink, package, observe, notify, imported, staging)
    except DataRefused as error:
        package.note_failure(Failure(str(error), tuple(package.normalized.files)))
    except Fenced:
        if not await retry(partial(sink.is_committed, package.load_id), config.retry, notify):
            raise
    failpoint("package.after_load")
    return store.note_loaded(package)


async def _commit(
    pipeline: str,
    config: Config,
    sink: Sink,
    package: Package,
    observe: Observer,
    notify: Notify,
    imported: Schema | None,
    staging: Staging | None,
) -> None:
    for _ in range(_MOST_CONFLICTS):
        plan = await _fitting_plan(config, sink, package, notify, imported)
        try:
            if plan:
                await retry(partial(sink.apply, plan), config.retry, notify)
                observe(SchemaChanged(plan.changes, plan.target.version))
            state = package.manifest.state
            rejects = rejects_of(package)
            tables, deletes = await to_thread.run_sync(_settled, package, plan, staging)
            states = {} if state is None else {STATE_KEY: state}
            replaces = _replaced(package, plan.target)
            batch = Batch(tables, rejects, plan.target.version, deletes, states, replaces)
            receipt = await deliver(sink, batch, Checkpoint(pipeline, package.load_id), config.retry, notify)
        except SchemaConflict as error:
            observe(Retrying("schema_conflict", 0.0, str(error)))
            continue
        if staging is not None:
            await to_thread.run_sync(staging.clear, package)
        observe(
            BatchLoaded(
                receipt,
                rejects=Counter(reject.reason for reject in rejects),
                skipped=_skipped(package),
                left_out=package.normalized.left_out,
                nbytes={name: table.nbytes for name, table in batch.tables.items()},
            )
        )
        return
    raise SchemaConflict(f"others changed the schema {_MOST_CONFLICTS} times while this load was planned; try again")


def _replaced(package: Package, schema: Schema) -> frozenset[str]:
    """Return the root tables of which the package has the whole content: also where it has no row of them."""
    meant = {hints.table for hints in package.manifest.hints}
    return frozenset(
        table.name
        for table in schema.tables.values()
        if table.parent is None and isinstance(table.write, Replace) and table.source[:1] and table.source[0] in meant
    )


def _skipped(package: Package) -> Mapping[str, Mapping[str, int]]:
    """Return how many rows are not loaded on purpose, by table and reason."""
    skipped = {table: dict(counts) for table, counts in package.manifest.skipped.items()}
    for table, counts in package.normalized.discarded.items():
        skipped[table] = {**skipped.get(table, {}), **counts}
    return skipped


def _settled(
    package: Package, plan: SchemaPlan, staging: Staging | None
) -> tuple[Mapping[str, pa.Table], Mapping[str, pa.Table]]:
    """Return the tables of a package, and the deletes: of each key of a table that merges the newest row."""
    wishes = wishes_of_hints(package.manifest.hints)
    tables = tables_of(package) if staging is None else staging.take(package, staging.put(package))
    done = settled(Evolved(plan, tables), {}, wishes.get, datetime.now(UTC))
    return done.tables, done.deletes


async def _fitting_plan(
    config: Config, sink: Sink, package: Package, notify: Notify, imported: Schema | None
) -> SchemaPlan:
    """Return the way from the destination's schema to the one that the package needs, normalized again where needed."""
    stored = await retry(sink.schema, config.retry, notify)
    plan = plan_of(package.normalized)
    if version_hash(stored) == version_hash(plan.target) and stored.version == plan.target.version:
        return SchemaPlan(stored, stored)
    preparer = Preparer(config, sink.capabilities)
    fixed: frozenset[tuple[str, str]] = frozenset()
    if stored.version != plan.base.version:
        await to_thread.run_sync(shape_package, package, preparer, stored, imported, fixed)
        plan = plan_of(package.normalized)
    while refused := await _not_to_widen(config, sink, plan, notify):
        fixed |= refused
        await to_thread.run_sync(shape_package, package, preparer, stored, imported, fixed)
        plan = plan_of(package.normalized)
    return plan


async def _not_to_widen(config: Config, sink: Sink, plan: SchemaPlan, notify: Notify) -> frozenset[tuple[str, str]]:
    """Return the columns, by table and name, that the plan would widen and the destination cannot."""
    max_rows = config.tables.widen_rows
    widened = [change for change in plan.changes if isinstance(change, WidenColumn)]
    return frozenset(
        [
            (change.table, change.column.name)
            for change in widened
            if not await retry(partial(sink.can_widen, change, max_rows=max_rows), config.retry, notify)
        ]
    )
