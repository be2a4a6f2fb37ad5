"""One partition checked: is each offset up to the position a row, a reject, a skipped record or a hole, and once?

Tallies of whole buckets are compared first. Where rows and rejects account for each offset of a bucket, nothing more is
asked; else Kafka tells which offsets have a record; and where that does not fit either, each offset is looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from checkpoints import OffsetRange
from sinks.audit import BUCKET, Audit, Inventory, LedgerTotals, PartitionState, Tally, TopicScope
from stream.operate.expected import Sums, of_all, of_these, sums_of
from stream.operate.report import Finding, Findings, PartitionReport
from stream.source.batch_headers import HeadersCannotTell
from stream.source.contract import Bounds
from stream.source.log_reader import LogReader

_KEPT = 1_000  # offsets of one kind that are kept for examples


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the destination says of one partition."""

    state: PartitionState
    totals: LedgerTotals
    rows: Mapping[int, Tally]
    rejects: Mapping[int, Tally]
    start: int
    stop: int

    @classmethod
    def of(cls, inventory: Inventory, totals: LedgerTotals, scope: TopicScope) -> Evidence:
        """Return the part of an inventory that speaks of one partition."""
        number = totals.partition.number
        (state,) = (state for state in inventory.states if state.partition == totals.partition)
        return cls(
            state,
            totals,
            {tally.start: tally for tally in inventory.rows if tally.partition == number},
            {tally.start: tally for tally in inventory.rejects if tally.partition == number},
            totals.start,
            totals.stop,
        )

    def held(self, bucket: int) -> Sums:
        """Return the sums of all that is held of a bucket."""
        return sums_of(self.rows.get(bucket)) + sums_of(self.rejects.get(bucket))


@dataclass(slots=True)
class _Seen:
    """What was seen at offsets that are not accounted for by tallies alone."""

    nowhere: int = 0  # in the log, and neither row nor reject
    nowhere_at: list[int] = field(default_factory=list)
    skipped: int = 0  # tombstones and nulls in the log
    twice: int = 0
    read: int = 0


class PartitionCheck:
    """Checks one partition of one topic. `counted`: each record is a row of its own, so rows can be counted."""

    def __init__(
        self,
        audit: Audit,
        reader: LogReader,
        scope: TopicScope,
        evidence: Evidence,
        findings: Findings,
        *,
        counted: bool,
    ) -> None:
        self._audit = audit
        self._reader = reader
        self._scope = scope
        self._has = evidence
        self._partition = evidence.totals.partition
        self._findings = findings
        self._counted = counted
        self._seen = _Seen()

    async def run(self, log: Bounds | None) -> PartitionReport:
        """Check, add what is found to the findings, and return the counts. `log`: what Kafka still holds."""
        self._check_position()
        if self._counted:
            open_buckets = await self._told_by_headers(list(self._not_accounted_for()), log)
            async for bucket, offsets, skipped in self._from_log(open_buckets, log):
                await self._check_bucket(bucket, offsets, skipped)
            await self._check_counts()
        else:
            await self._check_merged()
        return self._report(log)

    async def _check_merged(self) -> None:
        """Check what holds of merged rows as well: none is past the position, and each reject is there."""
        has = self._has
        for bucket in sorted(has.rows):
            if bucket < has.start or bucket + BUCKET > has.stop:
                held = await self._audit.held(self._scope, OffsetRange(self._partition, bucket, bucket + BUCKET))
                self._tell_outside(held.rows)
        rejects = self._held(has.rejects)
        if rejects != has.totals.rejected:
            text = f"the ledger counts {has.totals.rejected} rejects, there are {rejects}"
            kind = "missing" if rejects < has.totals.rejected else "count"
            self._tell(kind, has.start, has.stop, abs(has.totals.rejected - rejects), text)

    def _check_position(self) -> None:
        here, end = self._has.state.next_offset, self._has.totals.stop
        if here != end:
            text = f"the position is {here}, but the ledger ends at {end}"
            self._findings.add("position", self._partition, min(here, end), max(here, end), text)

    def _not_accounted_for(self) -> Iterator[int]:
        """Yield the buckets whose tallies are not those of each offset once."""
        has = self._has
        inside = range(has.start - has.start % BUCKET, has.stop, BUCKET)
        for bucket in sorted({*inside, *has.rows, *has.rejects}):
            first, last = max(bucket, has.start), min(bucket + BUCKET, has.stop)
            if first >= last or has.held(bucket) != of_all(first, last):
                yield bucket

    async def _told_by_headers(self, buckets: Sequence[int], log: Bounds | None) -> Sequence[int]:
        """Return the buckets that are left when those are taken away whose offsets the log has, each once.

        Headers of batches tell what was aborted, and markers; not what is skipped.
        """
        has = self._has
        left: list[int] = []
        for run in _runs(buckets):
            kept = range(max(run.start, has.start), min(run.stop, has.stop))
            if log is None or not kept or kept.start < log.start or kept.stop > log.end:
                left += run
                continue
            try:
                found = await self._sums(OffsetRange(self._partition, kept.start, kept.stop))
            except HeadersCannotTell:
                left += run
                continue
            left += [bucket for bucket in run if has.held(bucket) != found.get(bucket, Sums())]
        return left

    async def _sums(self, within: OffsetRange) -> Mapping[int, Sums]:
        found: dict[int, Sums] = {}
        async for _, runs in self._reader.offset_runs(within):
            for run in runs:
                self._seen.read += len(run)
                for bucket in range(run.start - run.start % BUCKET, run.stop, BUCKET):
                    some = of_all(max(run.start, bucket), min(run.stop, bucket + BUCKET))
                    found[bucket] = found.get(bucket, Sums()) + some
        return found

    async def _from_log(
        self, buckets: Sequence[int], log: Bounds | None
    ) -> AsyncIterator[tuple[int, Sequence[int], Sequence[int]]]:
        """Yield each bucket with the offsets at which the log has records, and which of them are skipped."""
        for run in _runs(buckets):
            kept = None if log is None else range(max(run.start, log.start, self._has.start), min(run.stop, log.end))
            found = _Collector(run)
            if kept:
                async for part in self._reader.records(OffsetRange(self._partition, kept.start, kept.stop)):
                    self._seen.read += len(part)
                    for ready in found.add(part.offsets, part.values, part.range.stop):
                        yield ready
            for ready in found.rest():
                yield ready

    async def _check_bucket(self, bucket: int, offsets: Sequence[int], skipped: Sequence[int]) -> None:
        has, seen = self._has, self._seen
        away = set(skipped)
        if self._is_inside(bucket) and has.held(bucket) == of_these(o for o in offsets if o not in away):
            seen.skipped += sum(has.start <= offset < has.stop for offset in skipped)
            return
        held = await self._audit.held(self._scope, OffsetRange(self._partition, bucket, bucket + BUCKET))
        copies = dict(held.rows)
        for offset, count in held.rejects.items():
            copies[offset] = copies.get(offset, 0) + count
        self._tell_twice(copies)
        self._tell_outside(copies)
        mine = [offset for offset in offsets if has.start <= offset < has.stop and offset not in copies]
        nowhere = [offset for offset in mine if offset not in away]
        seen.skipped += len(mine) - len(nowhere)
        seen.nowhere += len(nowhere)
        seen.nowhere_at += nowhere[: _KEPT - len(seen.nowhere_at)]

    def _is_inside(self, bucket: int) -> bool:
        return self._has.start <= bucket and bucket + BUCKET <= self._has.stop

    def _tell_twice(self, copies: Mapping[int, int]) -> None:
        if twice := [offset for offset, count in copies.items() if count > 1]:
            self._seen.twice += sum(copies[offset] - 1 for offset in twice)
            text = f"{len(twice)} records are there more than once"
            self._findings.add("twice", self._partition, min(twice), max(twice) + 1, text, sorted(twice))

    def _tell_outside(self, copies: Mapping[int, int]) -> None:
        has = self._has
        if before := sorted(offset for offset in copies if offset < has.start):
            text = f"{len(before)} rows or rejects lie before the begin of the ledger at {has.start}"
            self._findings.add("stranger", self._partition, before[0], before[-1] + 1, text, before)
        if after := sorted(offset for offset in copies if offset >= has.stop):
            text = f"{len(after)} rows or rejects lie at or past the end of the ledger at {has.stop}"
            self._findings.add("beyond_position", self._partition, after[0], after[-1] + 1, text, after)

    async def _check_counts(self) -> None:
        has, seen = self._has, self._seen
        rows, rejects = self._held(has.rows), self._held(has.rejects)
        short = has.totals.rows + has.totals.rejected - (rows + rejects - seen.twice)
        discards = max(0, has.totals.skipped - seen.skipped)
        if short > 0:
            await self._tell_missing(short)
        elif short < 0 and not self._tells("stranger", "beyond_position"):
            await self._tell_count(f"{-short} rows or rejects more than the ledger counts")
        elif rows - seen.twice != has.totals.rows and not self._tells("twice", "stranger", "beyond_position"):
            counted = f"the ledger counts {has.totals.rows} rows and {has.totals.rejected} rejects"
            await self._tell_count(f"{counted}, there are {rows} and {rejects}")
        if (holes := seen.nowhere - max(0, short) - discards) > 0:
            at = seen.nowhere_at
            text = f"Kafka has {holes} records that the ledger takes for holes"
            self._tell("unexplained_hole", at[0], at[-1] + 1, holes, text, at)

    async def _tell_missing(self, short: int) -> None:
        at = self._seen.nowhere_at
        if at:
            text = f"{short} records are in Kafka and in the ledger, but neither rows nor rejects"
            self._tell("missing", at[0], at[-1] + 1, short, text, at)
        else:
            first, last = await self._first_difference()
            text = f"{short} records that the ledger counts are neither rows nor rejects; Kafka does not hold them now"
            self._tell("missing", first, last, short, text)

    async def _tell_count(self, text: str) -> None:
        first, last = await self._first_difference()
        self._tell("count", first, last, 1, text)

    async def _first_difference(self) -> tuple[int, int]:
        """Return the first line of the ledger up to whose end tables and ledger count differently."""
        counted, start = 0, self._has.start
        while lines := await self._audit.ledger(self._partition, offset=start):
            page = counted + sum(line.rows + line.rejected for line in lines)
            if await self._held_before(lines[-1].stop_offset) != page:
                break
            counted, start = page, lines[-1].stop_offset
        for line in lines:
            counted += line.rows + line.rejected
            if await self._held_before(line.stop_offset) != counted:
                return line.start_offset, line.stop_offset
        return self._has.start, self._has.stop

    async def _held_before(self, offset: int) -> int:
        return await self._audit.count_before(self._scope, self._partition, offset)

    def _held(self, tallies: Mapping[int, Tally]) -> int:
        return sum(tally.count for tally in tallies.values())

    def _tells(self, *kinds: str) -> bool:
        place = (self._partition.topic, self._partition.number)
        return any(f.kind in kinds and (f.topic, f.partition) == place for f in self._findings.made)

    def _tell(self, kind: str, start: int, stop: int, records: int, text: str, at: Sequence[int] = ()) -> None:
        made = self._findings.made
        self._findings.add(kind, self._partition, start, stop, text, at)  # type: ignore[arg-type]  # one of ours
        made[-1] = _counting(made[-1], records)

    def _report(self, log: Bounds | None) -> PartitionReport:
        has = self._has
        first = has.stop if log is None else min(log.start, has.stop)
        return PartitionReport(
            partition=self._partition.number,
            start=has.start,
            stop=has.stop,
            rows=self._held(has.rows),
            rejects=self._held(has.rejects),
            skipped=has.totals.skipped,
            holes=has.totals.holes,
            lost=has.totals.lost,
            gone=max(0, first - has.start),
            read=self._seen.read,
        )


class _Collector:
    """Sorts what a run of buckets brings into its buckets."""

    def __init__(self, run: range) -> None:
        self._left = list(run)
        self._offsets: list[int] = []
        self._skipped: list[int] = []

    def add(
        self, offsets: Sequence[int], values: Sequence[bytes | None], upto: int
    ) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
        """Take records; yield the buckets that end at or before `upto`."""
        for offset, value in zip(offsets, values, strict=True):
            while offset >= self._left[0] + BUCKET:
                yield self._next()
            self._offsets.append(offset)
            if value is None or (len(value) < 64 and value.strip() == b"null"):
                self._skipped.append(offset)
        while self._left and upto >= self._left[0] + BUCKET:
            yield self._next()

    def rest(self) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
        """Yield the buckets that are left."""
        while self._left:
            yield self._next()

    def _next(self) -> tuple[int, Sequence[int], Sequence[int]]:
        ready = (self._left.pop(0), self._offsets, self._skipped)
        self._offsets, self._skipped = [], []
        return ready


def _runs(buckets: Sequence[int]) -> Iterator[range]:
    """Yield buckets that follow each other as one range each."""
    begin = 0
    for place in range(1, len(buckets) + 1):
        if place == len(buckets) or buckets[place] != buckets[place - 1] + BUCKET:
            yield range(buckets[begin], buckets[place - 1] + BUCKET, BUCKET)
            begin = place


def _counting(finding: Finding, records: int) -> Finding:
    return replace(finding, records=records)
