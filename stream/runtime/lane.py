"""The life of one batch under one claim: prepared ahead of time, committed in order."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Literal

from anyio import to_thread

from checkpoints import Checkpoint, Claim, Fenced, OffsetRange, Partition, Span
from sinks import Batch, DataRefused, Receipt, Reject, Schema, SchemaPlan, WidenColumn
from stream.load import FailedAttempt, Notify, deliver
from stream.model import Decoded, RawBatch
from stream.observe.facts import BatchLoaded, CommitFailed, Isolated, SchemaChanged, Stage, StageTimed
from stream.runtime.context import RunContext
from stream.runtime.crash_probe import find_crashing_records
from stream.runtime.prepare import Prepared, Shaped, age_of, next_step, rejects_by_partition, span
from stream.runtime.rejects import RefusedReason, set_aside

_FATAL_ATTEMPTS = 2  # a range that two owners in a row did not survive is probed in a child process


class Lane:
    """Carries batches from Kafka to durable rows for as long as one claim holds.

    `prepare` may run one batch ahead of `commit`; each is called from one task at a time. After any error from either
    the lane is spent: claim again and make a new one.
    """

    def __init__(self, context: RunContext, claim: Claim, schema: Schema) -> None:
        self.committed = claim.position
        self._context = context
        self._epoch = claim.epoch
        self._prepared_to = claim.position
        self._schema = schema
        self._suspects = {p: n for p, n in claim.attempts.items() if n >= _FATAL_ATTEMPTS}

    async def load_bisecting(self, raw: RawBatch) -> None:
        """Take one batch all the way; where it is refused, in ever smaller context, and set aside what nobody can hold.

        Raises `Fenced` or `SchemaConflict`; outages are sat out.
        """
        try:
            await self.commit(await self.prepare(raw))
        except DataRefused as error:
            self._prepared_to, self._schema = self.committed, await self._context.with_retry(self._context.sink.schema)
            await self._load_halves(raw.after(self.committed), str(error))

    async def _load_halves(self, raw: RawBatch, error: str) -> None:
        if len(raw) <= 1:
            await self.commit(self._with_nothing_but(raw, set_aside(raw, RefusedReason.REFUSED, error)))
            return
        for half in raw.halves():
            await self.load_bisecting(half)

    async def prepare(self, raw: RawBatch) -> Prepared:
        """Return `raw` as a batch that fits, continuing where the last prepared one ended. Works in a thread.

        Raises `DataRefused` when the destination cannot have the tables that the batch needs.
        """
        fresh = raw.after(self._prepared_to)
        crashing = await self._probe(fresh)
        seconds: dict[Stage, float] = {}
        decoded = await self._decode(fresh, crashing, seconds)
        load_id = self._context.new_load_id()
        shaped = await self._shape(decoded, load_id, seconds)
        counts = rejects_by_partition(shaped.batch.rejects)
        spans = tuple(span(part, counts, decoded.skipped) for part in fresh.parts)
        step = next_step(self._context.pipeline, load_id, self._epoch, self._prepared_to, spans)
        self._prepared_to, self._schema = self._prepared_to | step.upto, shaped.plan.target
        return Prepared(shaped.plan, shaped.batch, step, decoded.skipped, age_of(fresh), seconds)

    async def commit(self, prepared: Prepared) -> None:
        """Make one prepared batch durable, both rows and position or neither, and tell everybody.

        Raises `Fenced`, `SchemaConflict` or `DataRefused`; outages are sat out.
        """
        await self._evolve(prepared.plan)
        receipt = await self._deliver(prepared.batch, prepared.step)
        self.committed = self.committed | prepared.step.upto
        for partition in prepared.step.upto.next:
            self._suspects.pop(partition, None)
        self._tell(prepared, receipt)
        await self._context.source.acknowledge(prepared.step.upto)

    async def skip_lost(self, gone: OffsetRange) -> None:
        """Go on past offsets that are gone from the log, with a line in the ledger that says so."""
        gone = OffsetRange(gone.partition, self.committed.next[gone.partition], gone.stop)
        step = next_step(
            self._context.pipeline,
            self._context.new_load_id(),
            self._epoch,
            self.committed,
            (Span(gone, 0, lost=True),),
        )
        await self._deliver(Batch(), step)
        self.committed = self._prepared_to = self.committed | step.upto

    async def _decode(
        self, raw: RawBatch, crashing: frozenset[tuple[Partition, int]], seconds: dict[Stage, float]
    ) -> Decoded:
        began = time.perf_counter()
        decoded = await to_thread.run_sync(self._context.preparer.decode, raw.without(crashing))
        seconds["decode"] = time.perf_counter() - began
        if not crashing:
            return decoded
        error = "the process died twice while it decoded this record"
        rejects = set_aside(raw.only(crashing), RefusedReason.KILLS_DECODER, error)
        return replace(decoded, rejects=decoded.rejects + rejects)

    async def _shape(self, decoded: Decoded, load_id: str, seconds: dict[Stage, float]) -> Shaped:
        shape = partial(self._context.preparer.shape, decoded.documents, decoded.rejects, self._schema, load_id)
        fixed: frozenset[tuple[str, str]] = frozenset()
        shaped = await to_thread.run_sync(shape, fixed, seconds)
        while refused := await self._not_to_widen(shaped.plan):
            fixed |= refused
            shaped = await to_thread.run_sync(shape, fixed, seconds)
        return shaped

    async def _not_to_widen(self, plan: SchemaPlan) -> frozenset[tuple[str, str]]:
        """Return the columns, by table and name, that the plan would widen and the destination cannot."""
        widened = [change for change in plan.changes if isinstance(change, WidenColumn)]
        return frozenset([(c.table, c.column.name) for c in widened if not await self._can_widen(c)])

    async def _can_widen(self, change: WidenColumn) -> bool:
        max_rows = self._context.config.tables.widen_rows
        return await self._context.with_retry(partial(self._context.sink.can_widen, change, max_rows=max_rows))

    async def _probe(self, raw: RawBatch) -> frozenset[tuple[Partition, int]]:
        if not self._suspects:
            return frozenset()
        suspect = [part for part in raw.parts if len(part) and part.range.partition in self._suspects]
        for part in suspect:
            self._context.observe(Isolated(part.range, self._suspects[part.range.partition]))
        return await find_crashing_records(self._context.config, RawBatch(tuple(suspect))) if suspect else frozenset()

    async def _evolve(self, plan: SchemaPlan) -> None:
        if plan:
            await self._context.with_retry(partial(self._context.sink.apply, plan))
            self._context.observe(SchemaChanged(plan.changes, plan.target.version))

    async def _deliver(self, batch: Batch, step: Checkpoint) -> Receipt:
        began = time.monotonic()

        def failed(outcome: Literal["failed", "unknown", "fenced"], error: Exception) -> None:
            self._context.observe(CommitFailed(outcome, str(error), time.monotonic() - began))

        async def delivered(notify: Notify) -> Receipt:
            def told(attempt: FailedAttempt) -> None:
                failed(attempt.outcome, attempt.error)
                notify(attempt)

            return await deliver(self._context.sink, batch, step, self._context.config.retry, told)

        try:
            return await self._context.retrying(delivered)
        except Fenced as error:
            failed("fenced", error)
            raise

    def _with_nothing_but(self, raw: RawBatch, rejects: tuple[Reject, ...]) -> Prepared:
        counts = rejects_by_partition(rejects)
        spans = tuple(span(part, counts, {}) for part in raw.parts)
        step = next_step(self._context.pipeline, self._context.new_load_id(), self._epoch, self.committed, spans)
        self._prepared_to = self._prepared_to | step.upto
        plan = SchemaPlan(self._schema, self._schema)
        storable = self._context.preparer.storable(rejects)
        return Prepared(plan, Batch({}, storable, self._schema.version), step, {}, age_of(raw), {})

    def _tell(self, prepared: Prepared, receipt: Receipt) -> None:
        for stage, seconds in prepared.seconds.items():
            self._context.observe(StageTimed(stage, seconds))
        self._context.observe(StageTimed("load", receipt.seconds))
        skipped: dict[str, Counter[str]] = {}
        for partition, reasons in prepared.skipped.items():
            skipped.setdefault(partition.topic, Counter()).update(reasons)
        self._context.observe(
            BatchLoaded(
                receipt,
                nbytes={name: table.nbytes for name, table in prepared.batch.tables.items()},
                rejects=Counter(reject.reason for reject in prepared.batch.rejects),
                skipped=skipped,
                newest_event=prepared.age.newest,
                oldest_event=prepared.age.oldest,
            )
        )
