"""The whole of a streaming run: open, carry, watch, drain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from checkpoints.failpoints import failpoint
from sinks import Schema, Sink, SinkError, Transient, fit_dataset
from stream.config.models import Config
from stream.config.topic_settings import unmatched_patterns
from stream.errors import DestinationError, HeadraceError, SourceUnavailable
from stream.load import FailedAttempt, retry
from stream.model.exception_groups import unwrap_single
from stream.observe.facts import LoopTicked, Observer, Retrying, Started, StateChanged, to_all
from stream.observe.state_guard import forward_only
from stream.runtime.acknowledge import Acknowledger
from stream.runtime.approval import Approval, Ask
from stream.runtime.context import RunContext
from stream.runtime.destination import Destination
from stream.runtime.ids import load_ids
from stream.runtime.imported_schema import NO_FILES, SchemaFiles
from stream.runtime.isolation import Isolation
from stream.runtime.prepare import Preparer
from stream.runtime.reject_tally import RejectBudget
from stream.runtime.runner import Runner
from stream.runtime.schemas import registry_of, schema_finder
from stream.runtime.source_facts import ASKED_EVERY_SECONDS, to_fact
from stream.runtime.stages import StageClock, watch_stages
from stream.runtime.steering import Steering
from stream.runtime.watermarks import Watermarks
from stream.source.budget import Budget
from stream.source.contract import Source
from stream.source.events import SourceEvent

_TICK_SECONDS: Final = 0.5

_FOR_DRAINING: Final = 0.8  # of the grace; the rest is for letting go of source and destination


class Grace:
    """The time between the wish to stop and the end: one budget, for draining and for closing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at: float | None = None

    def begin(self) -> None:
        """Start the clock."""
        self._ends_at = anyio.current_time() + self._seconds

    @property
    def drain_seconds(self) -> float:
        """Return how long the batches in flight may take to commit."""
        return self._seconds * _FOR_DRAINING

    @property
    def left_seconds(self) -> float:
        """Return how much is left for closing; all of it when nobody asked for the end."""
        return self._seconds if self._ends_at is None else max(0.0, self._ends_at - anyio.current_time())


OpenSource = Callable[[Config, Budget], Source]


async def serve(
    pipeline: str,
    config: Config,
    sink: Sink,
    open_source: OpenSource,
    observe: Observer,
    *,
    stopping: anyio.Event,
    approve: Ask | None = None,
    files: SchemaFiles = NO_FILES,
) -> None:
    """Carry events from the source to `sink` until the source ends or `stopping` is set.

    The start waits up to `config.retry.start_seconds` for each of the two. After `stopping` the batch in flight has
    `config.service.grace_seconds` to commit; what is not done then is abandoned, and read again by the next run.
    `approve` is asked before tables change; `files` brings tables that a user wants. Source and sink are closed on the
    way out. Raises what no retry can mend: `SourceError`, `SinkError`, `OwnershipLost`, and `SchemaRefused` where a
    change is not approved.
    """
    watermarks = Watermarks(config.service.watermark_delay_seconds)
    observe = forward_only(to_all(watermarks.observe, observe))
    observe(StateChanged("starting"))
    with unwrap_single():
        async with anyio.create_task_group() as group:
            group.start_soon(_tick, observe, name="tick")
            group.start_soon(watermarks.write, sink, observe, name="watermarks")
            await _serve(pipeline, config, sink, open_source, observe, stopping, Approval(sink, approve), files)
            group.cancel_scope.cancel()


async def _serve(
    pipeline: str,
    config: Config,
    sink: Sink,
    open_source: OpenSource,
    observe: Observer,
    stopping: anyio.Event,
    approval: Approval,
    files: SchemaFiles,
) -> None:
    def heard(event: SourceEvent) -> None:
        if fact := to_fact(event):
            observe(fact)

    registry = registry_of(config)
    budget = Budget(config.batching.buffer_bytes)
    grace = Grace(config.service.grace_seconds)
    source = open_source(config, budget)
    source.listen(heard)
    try:
        schema = await _opened(config, sink, source, observe, stopping)
        if schema is not None:
            dataset = fit_dataset(config.destination.dataset or pipeline, sink.capabilities)
            topics = config.kafka.topics
            unmatched = unmatched_patterns(config)
            observe(Started(sink.capabilities.name, dataset, topics, schema.version, tuple(schema.tables), unmatched))
            stages = StageClock()
            context = RunContext(
                pipeline,
                config,
                source,
                Destination(sink, config.retry, stages, observe),
                Preparer(config, sink.capabilities),
                budget,
                RejectBudget(config.rejects),
                Acknowledger(source),
                stages,
                observe,
                load_ids(),
                schema_finder(registry, config.retry, observe),
                Steering(sink, observe),
                approval,
                Isolation(config.retry, observe, endless=config.kafka.until is None),
                files,
            )
            await _watched(Runner(context), context, stopping, grace)
    except BaseException:
        observe(StateChanged("failed"))
        raise
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(grace.left_seconds):
            await sink.aclose()
            await source.aclose()
            if registry is not None:
                await registry.aclose()
    observe(StateChanged("stopped"))


async def _opened(
    config: Config, sink: Sink, source: Source, observe: Observer, stopping: anyio.Event
) -> Schema | None:
    """Return the stored schema once source and sink are open; None when `stopping` was set before."""
    schema: Schema | None = None
    with unwrap_single():
        async with anyio.create_task_group() as group:
            group.start_soon(_give_up_when, stopping, sink, group.cancel_scope, name="stop while starting")
            try:
                schema = await _open(config, sink, source, observe)
            except (HeadraceError, SinkError):
                if not stopping.is_set():  # else the sink was closed under our hands
                    raise
            group.cancel_scope.cancel()
    return None if stopping.is_set() else schema


async def _open(config: Config, sink: Sink, source: Source, observe: Observer) -> Schema:
    def outage(attempt: FailedAttempt) -> None:
        observe(Retrying("connect", attempt.wait_seconds, str(attempt.error)))

    patience = config.retry.start_seconds
    try:
        await retry(sink.open, config.retry, outage, within=patience)
        schema = await retry(sink.schema, config.retry, outage, within=patience)
    except Transient as error:
        raise DestinationError(str(error)) from error
    await retry(source.open, config.retry, outage, within=patience, passing=(SourceUnavailable,))
    return schema


async def _give_up_when(stopping: anyio.Event, sink: Sink, scope: anyio.CancelScope) -> None:
    await stopping.wait()
    scope.cancel()
    with anyio.CancelScope(shield=True):
        await sink.aclose()  # interrupts a thread that waits for the destination


async def _watched(runner: Runner, context: RunContext, stopping: anyio.Event, grace: Grace) -> None:
    with unwrap_single():
        async with anyio.create_task_group() as group:
            group.start_soon(_watch_lag, context, name="lag")
            await group.start(context.steering.watch, name="steering")
            group.start_soon(context.acknowledger.run, name="acknowledge")
            patience = context.config.service.stuck_seconds
            group.start_soon(watch_stages, context.stages, patience, context.observe, name="watch stages")
            group.start_soon(_drain, context, stopping, grace, group.cancel_scope, name="drain")
            await runner.run()
            group.cancel_scope.cancel()


async def _drain(context: RunContext, stopping: anyio.Event, grace: Grace, scope: anyio.CancelScope) -> None:
    await stopping.wait()
    grace.begin()
    context.observe(StateChanged("draining"))
    context.source.stop()
    failpoint("shutdown.mid_drain")
    await anyio.sleep(grace.drain_seconds)
    await context.destination.sink.aclose()  # interrupts the load in flight, which a thread would finish otherwise
    scope.cancel()


async def _tick(observe: Observer) -> None:
    while True:
        asked = anyio.current_time() + _TICK_SECONDS
        await anyio.sleep(_TICK_SECONDS)
        observe(LoopTicked(max(0.0, anyio.current_time() - asked)))


async def _watch_lag(context: RunContext) -> None:
    while True:
        await context.report_lag()
        await anyio.sleep(ASKED_EVERY_SECONDS)
