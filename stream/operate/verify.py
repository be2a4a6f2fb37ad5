"""Kafka, ledger and tables held against each other, per partition and range of offsets."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from checkpoints import Partition
from sinks import Schema, Sink
from sinks.audit import Audit, TopicScope
from sinks.write import APPEND
from stream.config.models import Config
from stream.operate.check_partition import Evidence, PartitionCheck
from stream.operate.deep import DeepCheck
from stream.operate.report import Finding, Findings, PartitionReport, Report, TopicReport
from stream.operate.scopes import scopes_of, topics_of
from stream.operate.shaping import shaper_of
from stream.source.contract import Bounds
from stream.source.log_reader import LogReader

_MOST_LISTS = 100
_MERGED = "rows of this table are merged by key: positions, ledger and rejects are checked, rows are not counted"
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
        reports = []
        for totals in inventory.totals:
            evidence = Evidence.of(inventory, totals, scope)
            check = PartitionCheck(self._audit, self._reader, scope, evidence, findings, counted=counted)
            reports.append(await check.run(bounds.get(totals.partition)))
        for fault in inventory.faults:
            where = fault.range
            findings.add("ledger", where.partition, where.start, where.stop, fault.text)
        await self._lists(scope, findings)
        if question.deep:
            await self._values(scope, question, bounds, reports, findings, counted=counted)
        notes = ([] if counted else [_MERGED]) + ([] if partitions else [_NO_TOPIC])
        return TopicReport(scope.topic, scope.table, tuple(reports), tuple(notes))

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
        reports: Collection[PartitionReport],
        findings: Findings,
        *,
        counted: bool,
    ) -> None:
        shaper = await shaper_of(self._config, self._sink, (scope.topic,))
        deep = DeepCheck(self._audit, self._schema, shaper, self._reader, findings)
        for report in reports:
            partition = Partition(scope.topic, report.partition)
            if held := bounds.get(partition):
                start, stop = max(report.start, held.start), min(report.stop, held.end)
                await deep.run(scope, partition, start, stop, question.sample, question.seed, counted=counted)
