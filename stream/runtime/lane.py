"""The life of one batch under one claim: from records as read to durable rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from anyio import to_thread

from checkpoints import Claim, OffsetRange, Position, Span
from sinks import Batch, DataRefused, Receipt, Schema, SchemaConflict, SchemaPlan, WidenColumn
from stream.evolve import Evolved, Misfit, left_out
from stream.model import Decoded, Documents, FlatTable, RawBatch
from stream.model.schemas import Schemas
from stream.observe.facts import BatchLoaded, Isolated, Stage, StageTimed
from stream.runtime.context import RunContext
from stream.runtime.crash_probe import find_crashing_records
from stream.runtime.destination import WideningTooSlow
from stream.runtime.isolation import naming_topics
from stream.runtime.prepare import Prepared, age_of, next_step, spans_of
from stream.runtime.reject_tally import rejected_of
from stream.runtime.rejects import Record, RefusedReason, by_record, samples, set_aside, skipped_with
from stream.runtime.turns import Turn

_FATAL_ATTEMPTS: Final = 2  # a range that two owners in a row did not survive is probed in a child process
_KILLER: Final = Misfit(RefusedReason.KILLS_DECODER, "the process died twice while it decoded this record")


class BatchRefused(Exception):
    """The destination refuses a batch for good: the one that ends at `upto`. Everything before it is durable."""

    def __init__(self, upto: Position, error: DataRefused) -> None:
        super().__init__(str(error))
        self.upto = upto


class Lane:
    """Carries batches from Kafka to durable rows for as long as one claim holds.

    Batches overlap as their turns let them: while one loads, the next is prepared. After any error the lane is spent:
    claim again and make a new one.
    """

    def __init__(self, context: RunContext, claim: Claim, schema: Schema, incarnations: Mapping[str, str]) -> None:
        self.committed = claim.position
        self._context = context
        self._destination = context.destination
        self.epoch = claim.epoch
        self._prepared_to = claim.position
        self._schema = schema
        self._incarnations = incarnations
        self._suspects = {p: n for p, n in claim.attempts.items() if n >= _FATAL_ATTEMPTS}

    async def process(self, raw: RawBatch, turn: Turn, refused: Mapping[Record, Misfit] | None = None) -> None:
        """Take one batch from Kafka to durable rows, both rows and position or neither, and tell everybody.

        `refused`: records, with the reason, that the destination did not take; they are set aside. Raises `Fenced`,
        `SchemaConflict`, `BatchRefused` or `BatchBlocked`; outages are retried.
        """
        async with turn:
            seconds: dict[Stage, float] = {}
            fresh = raw.after(self._prepared_to)
            load_id = self._context.new_load_id()
            decoded = await self._decode(fresh, refused or {}, seconds)
            tables = await self._normalize(decoded.documents, load_id, seconds)
            evolved = await self._evolve(tables, turn, seconds)
            evolved = await self._settle(evolved, decoded, seconds)
            prepared = self._prepared(fresh, decoded, evolved, load_id)
            del raw, fresh, decoded, tables, evolved  # while it waits and loads, only what is loaded stays in memory
            if not await turn.to_load():
                return
            self._context.budget_of_rejects.check(prepared.rejected, prepared.batch.rejects)
            await self._context.approval.check(prepared.plan)
            with self._context.stages.working("load"), naming_topics(prepared.step.spans), _naming_the_batch(prepared):
                await self._apply(prepared.plan)
                receipt = await self._destination.load(prepared.batch, prepared.step)
            self._advance(prepared)
            self._context.isolation.landed(prepared.step.spans)
            self._tell(prepared, receipt, seconds)
            self._context.acknowledger.note(prepared.step.upto)
            turn.done()

    async def start_over(self) -> None:
        """Forget what was prepared and not loaded: the next batch begins at what is durable."""
        self._prepared_to, self._schema = self.committed, await self._destination.schema()

    async def skip_lost(self, gone: OffsetRange) -> None:
        """Go on past offsets that are gone from the log, with a line in the ledger that says so."""
        gone = OffsetRange(gone.partition, self.committed.next[gone.partition], gone.stop)
        load_id = self._context.new_load_id()
        lost = (Span(gone, 0, lost=True),)
        step = next_step(self._context.pipeline, load_id, self.epoch, self.committed, lost)
        await self._destination.load(Batch(), step)
        self.committed = self._prepared_to = self.committed | step.upto

    async def _decode(self, raw: RawBatch, refused: Mapping[Record, Misfit], seconds: dict[Stage, float]) -> Decoded:
        """Bytes to documents; what is no document, kills the decoder or was refused before is set aside."""
        wanted = await to_thread.run_sync(self._context.preparer.wants, raw)
        schemas = await self._context.find_schemas(wanted)
        aside = {**dict.fromkeys(await self._probe(raw, schemas), _KILLER), **refused}
        with self._context.stages.timed("decode", seconds):
            decoded = await to_thread.run_sync(self._context.preparer.decode, raw.without(aside), schemas)
        return replace(decoded, rejects=decoded.rejects + set_aside(raw, aside))

    async def _normalize(
        self, documents: tuple[Documents, ...], load_id: str, seconds: dict[Stage, float]
    ) -> tuple[FlatTable, ...]:
        """Documents to relational tables, with the names that the schema has given."""
        with self._context.stages.timed("normalize", seconds):
            return await to_thread.run_sync(
                self._context.preparer.normalize, documents, self._schema, load_id, self._incarnations
            )

    async def _evolve(self, tables: tuple[FlatTable, ...], turn: Turn, seconds: dict[Stage, float]) -> Evolved:
        """Tables to what fits the schema, and the plan that makes room for it.

        The destination is asked about columns to widen, and can speak of what it has: whatever was planned before is
        applied first. What it cannot widen stays as it is, and the values go into variants.
        """
        fixed = frozenset(self._context.fixed_columns)
        while True:
            with self._context.stages.timed("evolve", seconds):
                evolved = await to_thread.run_sync(self._context.preparer.evolve, self._schema, tables, fixed)
            widened = [change for change in evolved.plan.changes if isinstance(change, WidenColumn)]
            if not widened:
                return evolved
            await turn.first()
            if not (refused := await self._not_to_widen(widened)):
                return evolved
            fixed |= refused

    async def _settle(self, evolved: Evolved, decoded: Decoded, seconds: dict[Stage, float]) -> Evolved:
        """Of each key of a table that merges the newest event."""
        settle = self._context.preparer.settle
        with self._context.stages.timed("evolve", seconds):
            return await to_thread.run_sync(settle, evolved, decoded.tombstones, datetime.now(UTC), self._incarnations)

    async def _not_to_widen(self, widened: Collection[WidenColumn]) -> frozenset[tuple[str, str]]:
        """Return the columns, by table and name, that the destination cannot widen."""
        most = self._context.config.tables.widen_rows
        can = [await self._destination.can_widen(change, max_rows=most) for change in widened]
        return frozenset((c.table, c.column.name) for c, yes in zip(widened, can, strict=True) if not yes)

    def _prepared(self, raw: RawBatch, decoded: Decoded, evolved: Evolved, load_id: str) -> Prepared:
        """Return what is to be loaded, and go on from there with the next batch."""
        rejects = decoded.rejects + set_aside(raw, by_record(raw, evolved.refused, self._incarnations))
        skipped = skipped_with(decoded.skipped, by_record(raw, evolved.discarded, self._incarnations))
        spans = spans_of(raw, rejects, skipped)
        step = next_step(self._context.pipeline, load_id, self.epoch, self._prepared_to, spans)
        self._prepared_to, self._schema = self._prepared_to | step.upto, evolved.plan.target
        storable = self._context.preparer.storable(rejects)
        batch = Batch(evolved.tables, storable, evolved.plan.target.version, evolved.deletes)
        return Prepared(evolved.plan, batch, step, skipped, age_of(raw), left_out(evolved), rejected_of(raw, rejects))

    async def _probe(self, raw: RawBatch, schemas: Schemas) -> frozenset[Record]:
        """Return the records that kill the decoder, where the last owners of a partition died."""
        if not self._suspects:
            return frozenset()
        suspect = [part for part in raw.parts if len(part) and part.range.partition in self._suspects]
        for part in suspect:
            self._context.observe(Isolated(part.range, self._suspects[part.range.partition]))
        if not suspect:
            return frozenset()
        return await find_crashing_records(self._context.config, RawBatch(tuple(suspect)), schemas)

    async def _apply(self, plan: SchemaPlan) -> None:
        if not plan:
            return
        try:
            await self._destination.apply(plan)
        except WideningTooSlow as error:
            self._context.fixed_columns.update(error.columns)
            raise SchemaConflict(str(error)) from error
        await self._context.changed(plan)

    def _advance(self, prepared: Prepared) -> None:
        self.committed = self.committed | prepared.step.upto
        self._context.budget_of_rejects.loaded(prepared.rejected)
        for partition in prepared.step.upto.next:
            self._suspects.pop(partition, None)

    def _tell(self, prepared: Prepared, receipt: Receipt, seconds: Mapping[Stage, float]) -> None:
        for stage, spent in seconds.items():
            self._context.observe(StageTimed(stage, spent))
        self._context.observe(StageTimed("load", receipt.seconds))
        self._context.source.pace(sum(seconds.values()) + receipt.seconds)
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
                left_out=prepared.left_out,
                deletes={name: keys.num_rows for name, keys in prepared.batch.deletes.items()},
                reject_samples=samples(prepared.batch.rejects) if self._context.config.service.show_rejects else {},
            )
        )


@contextmanager
def _naming_the_batch(prepared: Prepared) -> Iterator[None]:
    try:
        yield
    except DataRefused as error:
        raise BatchRefused(prepared.step.upto, error) from error
