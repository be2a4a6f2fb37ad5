"""A table that merges held against the newest event of each key, as Kafka tells them.

Rows are compared by the places of their events, a bucket of offsets at a time: where the sums are the same, each row is
its key's newest event, and no key is missing. What differs is looked at key by key, and what a running service changed
meanwhile is no finding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from checkpoints import OffsetRange, Partition
from sinks import Merge
from sinks.audit import BUCKET, Audit, Inventory, TopicScope
from sinks.merging import OFFSET, PARTITION, ROW_ID
from stream.operate.expected import of_these, sums_of
from stream.operate.newest_events import DELETED, UNSURE, NewestEvents
from stream.operate.report import Finding, Findings, Kind
from stream.source.log_reader import LogReader

_KEPT: Final = 1_000  # of each kind of difference that are looked at key by key
_MOST_STRANGERS: Final = 20  # rows whose record is looked for in Kafka

Place = tuple[str, int, int]
"""Row id, partition and offset."""

Pending = Callable[[frozenset[str]], Awaitable[Set[str]]]
"""Which of some keys have events in Kafka past the position."""


@dataclass(slots=True)
class _Differences:
    """Newest events that are no row, and rows that are no newest event."""

    lacking: list[Place] = field(default_factory=list)
    extra: list[Place] = field(default_factory=list)
    left_out: int = 0

    def add(self, kept: list[Place], found: Collection[Place]) -> None:
        some = sorted(found)[: _KEPT - len(kept)]
        kept += some
        self.left_out += len(found) - len(some)


class MergedCheck:
    """Checks the rows of one topic whose table merges. `read`: the offsets whose events were read, by partition."""

    def __init__(
        self,
        audit: Audit,
        reader: LogReader,
        scope: TopicScope,
        write: Merge,
        inventory: Inventory,
        read: Mapping[int, range],
        pending: Pending,
        findings: Findings,
    ) -> None:
        self._audit = audit
        self._reader = reader
        self._scope = scope
        self._orders_by_value = bool(write.sort) or write.strategy == "insert-only"
        self._marks_deletes = write.soft_delete is not None
        self._tallies = {(tally.partition, tally.start): tally for tally in inventory.rows}
        self._read = read
        self._pending = pending
        self._findings = findings

    async def run(self, events: NewestEvents) -> tuple[str, ...]:
        """Add what is found to the findings; return what could not be checked, and why."""
        newest = events.chosen()
        differences = _Differences()
        for number, read in sorted(self._read.items()):
            await self._compare(number, read, newest, events, differences)
        undecided = await self._judge(newest, differences)
        return tuple(self._notes(events, differences.left_out, undecided))

    async def _compare(
        self, number: int, read: range, newest: pa.Table, events: NewestEvents, differences: _Differences
    ) -> None:
        mine = (pc.field(PARTITION) == number) & ~pc.field(DELETED)
        live = newest.filter(mine).sort_by(OFFSET)
        offsets: list[Any] = live[OFFSET].to_pylist()
        ids: list[Any] = live[ROW_ID].to_pylist()
        for bucket, inside in _buckets(read):
            some = slice(bisect_left(offsets, inside.start), bisect_left(offsets, inside.stop))
            whole = len(inside) == BUCKET and events.share >= 1
            if whole and of_these(offsets[some]) == sums_of(self._tallies.get((number, bucket))):
                continue
            within = OffsetRange(Partition(self._scope.topic, number), inside.start, inside.stop)
            rows = await self._audit.row_ids(self._scope, within)
            held = {(row_id, number, offset) for offset, row_id in rows if events.includes(row_id)}
            wanted = {(row_id, number, offset) for row_id, offset in zip(ids[some], offsets[some], strict=True)}
            differences.add(differences.lacking, wanted - held)
            differences.add(differences.extra, held - wanted)

    async def _judge(self, newest: pa.Table, differences: _Differences) -> int:
        """Tell what is wrong about what differs, and return of how many keys that cannot be told."""
        both = [row_id for row_id, *_ in (*differences.lacking, *differences.extra)]
        if not both:
            return 0
        now = await self._audit.places_of(self._scope, sorted(set(both)))
        chosen = newest.filter(pc.is_in(newest[ROW_ID], value_set=pa.array(both, pa.string()))).to_pylist()
        by_id = {event[ROW_ID]: event for event in chosen}
        missing: list[Place] = []
        undecided = sum(self._judge_lacking(place, by_id[place[0]], now, missing) for place in differences.lacking)
        undecided += await self._judge_missing(missing)
        strangers = []
        for place in differences.extra:
            event = by_id.get(place[0])
            if event is None:
                strangers.append(place)
            elif self._marks_deletes and place[1:] == (event[PARTITION], event[OFFSET]):
                continue  # the row stays, and says that it was deleted
            elif event[DELETED] and event[UNSURE]:
                undecided += 1
            elif event[DELETED] and place[1:] in now.get(place[0], ()):
                deleted = f"{event[PARTITION]}, offset {event[OFFSET]}"
                self._tell("undeleted", place, f"the row of key {place[0]} is there: partition {deleted} deleted it")
        return undecided + await self._judge_strangers(strangers)

    def _judge_lacking(
        self,
        place: Place,
        event: Mapping[str, object],
        now: Mapping[str, tuple[tuple[int, int], ...]],
        missing: list[Place],
    ) -> bool:
        row_id, partition, offset = place
        places = now.get(row_id, ())
        if (partition, offset) in places or any(self._is_later(*each) for each in places):
            return False
        if event[UNSURE] or any(self._is_before(*each) for each in places):
            return True
        at = f"partition {partition}, offset {offset}"
        if places:
            held = ", ".join(f"partition {p}, offset {o}" for p, o in places)
            self._tell("not_newest", place, f"the row of key {row_id} is of {held}; its newest event is {at}")
        else:
            missing.append(place)
        return False

    async def _judge_missing(self, missing: Collection[Place]) -> int:
        """Tell of keys without a row; return how many of them have an event that is to be loaded yet.

        A rewind takes the rows of such keys away, and loading brings them back.
        """
        pending = await self._pending(frozenset(row_id for row_id, *_ in missing)) if missing else frozenset()
        for place in missing:
            if place[0] not in pending:
                at = f"partition {place[1]}, offset {place[2]}"
                self._tell("missing", place, f"there is no row of key {place[0]}, whose newest event is {at}")
        return len(pending)

    async def _judge_strangers(self, strangers: Collection[Place]) -> int:
        """Tell of rows whose record is in Kafka and makes no row of their key; return how many have no record there."""
        gone = 0
        for place in sorted(strangers)[:_MOST_STRANGERS]:
            row_id, number, offset = place
            there = OffsetRange(Partition(self._scope.topic, number), offset, offset + 1)
            found = sum([len(part) async for part in self._reader.records(there)])
            gone += not found
            if found:
                self._tell("stranger", place, f"the row of key {row_id} is of an event that makes no such row")
        return gone + max(0, len(strangers) - _MOST_STRANGERS)

    def _is_later(self, partition: int, offset: int) -> bool:
        """Return whether a row is of an event past those that were read: a service went on meanwhile."""
        return partition in self._read and offset >= self._read[partition].stop

    def _is_before(self, partition: int, offset: int) -> bool:
        """Return whether a row is of an event that Kafka lost, and that may be the newer one all the same."""
        read = self._read.get(partition)
        return self._orders_by_value and (read is None or offset < read.start)

    def _tell(self, kind: Kind, place: Place, text: str) -> None:
        row_id, partition, offset = place
        topic = self._scope.topic
        self._findings.made.append(Finding(kind, topic, partition, offset, offset + 1, 1, text, (row_id,)))

    def _notes(self, events: NewestEvents, left_out: int, undecided: int) -> Iterator[str]:
        if events.share < 1:
            yield f"merged rows: {events.share:.2%} of the keys were checked, chosen by a hash"
        if undecided:
            yield f"merged rows: the newest event of {undecided} keys cannot be told: it is lost, or not loaded yet"
        if left_out:
            yield f"merged rows: {left_out} more differ"


def _buckets(read: range) -> Iterator[tuple[int, range]]:
    for bucket in range(read.start - read.start % BUCKET, read.stop, BUCKET):
        yield bucket, range(max(bucket, read.start), min(bucket + BUCKET, read.stop))
