"""Kafka, ledger and tables held against each other, per partition and range of offsets."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from checkpoints import OffsetRange, Partition
from sinks import Merge, Scd2, Schema, Sink
from sinks.audit import BUCKET, Audit, Inventory, TopicScope
from sinks.write import APPEND
from stream.config.models import Config
from stream.operate.check_merged import MergedCheck
from stream.operate.check_partition import Evidence, PartitionCheck
from stream.operate.deep import DeepCheck
from stream.operate.newest_events import NewestEvents
from stream.operate.report import Finding, Findings, Report, TopicReport
from stream.operate.scopes import scopes_of, topics_of
from stream.operate.shaping import shaper_of, stored_origins
from stream.source.contract import Bounds
from stream.source.log_reader import LogReader

_MOST_LISTS = 100
_MOST_KEYS = 2_000_000  # of a table that merges, whose newest events are in memory at once
_MERGED = (
    "rows are merged by key: positions, ledger, rejects, keys and remembered deletes were checked; whether each row is "
    "of the newest event of its key is told with --deep"
)
_HISTORY = (
    "the table keeps history: positions, ledger, rejects and lists were checked; versions are not compared with events"
)
_SHARED = "several topics merge into this table: which of their events is the newest was not checked"
_NO_TOPIC = "the topic does not exist any more: the ledger alone speaks for it"


@dataclass(frozen=True, slots=True)
class Question:
    """What to check: topics (all when empty), from an instant on, comparing values (`deep`), or a share of them."""

    topics: Collection[str] = ()
    since: datetime | None = None
    deep: bool = False
    sample: float = 1.0
    seed: int = 0


class Verifier:
    """Checks one pipeline. It changes nothing, and holds neither rows nor offsets of more than one bucket."""

    def __init__(self, config: Config, sink: Sink, audit: Audit, schema: Schema, reader: LogReader) -> None:
        self._config = config
        self._sink = sink
        self._audit = audit
        self._schema = schema
        self._reader = reader

    async def verify(self, question: Question) -> Report:
        """Return what was found."""
        began = time.monotonic()
        states = await self._audit.states()
        known = topics_of(states)
        topics = topics_of(states, question.topics)
        scopes = scopes_of(self._config, self._schema, topics, self._sink.capabilities.max_identifier_bytes, known)
        findings = Findings()
        reports = [await self._topic(scope, question, findings) for scope in scopes]
        found = tuple(findings.made)
        name, dataset = self._config.pipeline or "", self._config.destination.dataset or ""
        return Report(name, dataset, tuple(reports), found, time.monotonic() - began, question.deep)

    async def _topic(self, scope: TopicScope, question: Question, findings: Findings) -> TopicReport:
        partitions = await self._reader.partitions(scope.topic)
        scope = await self._since(scope, question, partitions)
        inventory = await self._audit.inventory(scope)
        bounds = await self._reader.bounds(partitions) if partitions else {}
        counted = scope.table is None or self._schema.tables[scope.table].write == APPEND
        historic = scope.table is not None and isinstance(self._schema.tables[scope.table].write, Scd2)
        reports = []
        for totals in inventory.totals:
            evidence = Evidence.of(inventory, totals, scope)
            check = PartitionCheck(self._audit, self._reader, scope, evidence, findings, counted=counted)
            reports.append(await check.run(bounds.get(totals.partition)))
        for fault in inventory.faults:
            where = fault.range
            findings.add("ledger", where.partition, where.start, where.stop, fault.text)
        await self._lists(scope, findings)
        notes = [] if partitions else [_NO_TOPIC]
        if not counted:
            await self._merge_faults(scope, findings)
        if historic:
            notes.append(_HISTORY)
        elif not counted and not question.deep:
            notes.append(_MERGED)
        if question.deep and not historic:
            notes += await self._values(scope, question, bounds, inventory, findings)
        return TopicReport(scope.topic, scope.table, tuple(reports), tuple(notes))

    async def _merge_faults(self, scope: TopicScope, findings: Findings) -> None:
        for fault in await self._audit.merge_faults(scope, _MOST_LISTS):
            findings.made.append(Finding(fault.kind, scope.topic, None, None, None, 1, fault.text, (fault.row_id,)))

    async def _since(self, scope: TopicScope, question: Question, partitions: Collection[Partition]) -> TopicScope:
        """Return the scope from the instant on, moved back to the begin of the ledger's line there."""
        if question.since is None or not partitions:
            return scope
        found = await self._reader.offsets_at(partitions, question.since)
        ends = await self._reader.bounds(partitions)
        since = {}
        for partition, offset in found.items():
            start = ends[partition].end if offset is None else offset
            lines = await self._audit.ledger(partition, offset=start, limit=1)
            since[partition.number] = min(lines[0].start_offset, start) if lines else start
        return replace(scope, since=since)

    async def _lists(self, scope: TopicScope, findings: Findings) -> None:
        for broken in await self._audit.broken_lists(scope, _MOST_LISTS):
            text = (
                f"{broken.table}: {broken.found} rows whose parent is gone"
                if broken.expected == 0
                else f"{broken.table}: {broken.found} of {broken.expected} elements of a list are there"
            )
            records = abs(broken.expected - broken.found)
            findings.made.append(
                Finding("child_lost", scope.topic, None, None, None, records, text, (broken.parent_id,))
            )

    async def _values(
        self,
        scope: TopicScope,
        question: Question,
        bounds: Mapping[Partition, Bounds],
        inventory: Inventory,
        findings: Findings,
    ) -> Sequence[str]:
        """Read the events again and compare; return what could not be checked, and why."""
        table = self._schema.tables.get(scope.table or "")
        merges = table is not None and isinstance(table.write, Merge)
        events = None
        if table is not None and merges and not scope.shared:
            events = NewestEvents(table, share=question.sample, most=_MOST_KEYS)
        origins = await stored_origins(self._sink, (scope.topic,))
        if not origins and bounds:  # rewound as a whole, and not claimed since
            origins = await self._reader.origins({scope.topic})
        shaper = shaper_of(self._config, self._sink, origins)
        rejected = await self._rejected(scope, inventory) if events else {}
        deep = DeepCheck(self._audit, self._schema, shaper, self._reader, findings, events, rejected)
        read = {}
        for totals in inventory.totals:
            if held := bounds.get(totals.partition):
                start, stop = max(totals.start, held.start), min(totals.stop, held.end)
                await deep.run(scope, totals.partition, start, stop, question.sample, question.seed)
                read[totals.partition.number] = range(start, stop)
        if events is None or table is None or not isinstance(table.write, Merge):
            return [_SHARED] if merges else []

        async def pending(ids: frozenset[str]) -> Set[str]:
            later = set[str]()
            for partition, held in bounds.items():
                start = read[partition.number].stop if partition.number in read else held.start
                if start < held.end:
                    later |= ids & await deep.keys(scope, partition, start, held.end)
            return later

        check = MergedCheck(self._audit, self._reader, scope, table.write, inventory, read, pending, findings)
        return await check.run(events)

    async def _rejected(self, scope: TopicScope, inventory: Inventory) -> Mapping[int, Set[int]]:
        """Return the offsets of all rejects, by partition: their events are in no table."""
        found: dict[int, set[int]] = {}
        for tally in inventory.rejects:
            bucket = OffsetRange(Partition(scope.topic, tally.partition), tally.start, tally.start + BUCKET)
            found.setdefault(tally.partition, set()).update((await self._audit.held(scope, bucket)).rejects)
        return found
