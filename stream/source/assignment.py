"""Partitions of Kafka that are ours until they are taken away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio

from checkpoints import Known, OffsetRange, Partition, Position
from checkpoints.failpoints import failpoint
from stream.config.models import Batching, Kafka
from stream.errors import SourceError, SourceGap
from stream.model import PartitionRecords, RawBatch
from stream.source import gaps as judge
from stream.source.batching import BatchBuilder
from stream.source.budget import Budget
from stream.source.columns import NOTHING
from stream.source.contract import Gap
from stream.source.member import Member, OutOfRange, Polled
from stream.source.origin import changed
from stream.source.poller import Poller

IDLE_SECONDS: Final = 0.2  # how often an idle reader looks whether its position moved over holes
ORIGIN_SECONDS: Final = 10.0  # how often a reader looks whether a topic is still the one that it began with
SPARE_RECORDS: Final = 250  # asked for beyond a batch's end, which no estimate meets: the next batch begins with them
FIRST_RECORD_BYTES: Final = 16 * 1024  # what a record is taken to weigh before one was seen
PROBE_SECONDS: Final = 0.5  # for a broker to say that offsets are out of range; later, the first read still tells


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What an assignment reads with."""

    kafka: Kafka
    batching: Batching
    budget: Budget
    member: Member
    poller: Poller
    clock: Callable[[], float]
    age_seconds: Callable[[], float]  # for how long the next batch may fill
    ends: Mapping[Partition, int] | None = None  # where to stop; None: never


@dataclass(frozen=True, slots=True)
class AssignmentControl:
    """How an assignment and the membership it comes from speak to each other."""

    ended: Callable[[], bool]
    lost: Callable[[], bool]
    release: Callable[[], None]
    renew: Callable[[], None]


class KafkaAssignment:
    """An `Assignment`. `gaps` holds what `starts` found missing and was told to accept."""

    def __init__(self, partitions: frozenset[Partition], reading: ReadContext, ties: AssignmentControl) -> None:
        self.partitions = partitions
        self.topics = reading.member.subscription
        self.gaps: tuple[Gap, ...] = ()
        self._with = reading
        self._ties = ties
        self._member = reading.member
        self._next: dict[Partition, int] = {}
        self._left_out: frozenset[Partition] = frozenset()
        self._carried: list[PartitionRecords] = []
        self._origins: dict[str, str] | None = None
        self._looked_at = reading.clock()
        self._record_bytes = FIRST_RECORD_BYTES

    @property
    def topic_partitions(self) -> dict[str, int]:
        """Return how many partitions each topic has, assigned to us or not."""
        return {topic: len(self._member.partitions_of(topic)) for topic in self.topics}

    @property
    def ended(self) -> bool:
        """Return whether nothing more is to be read from this assignment."""
        return self._ties.ended()

    @property
    def lost(self) -> bool:
        """Return whether the group may have given the partitions to somebody else while we worked on them."""
        return self._ties.lost()

    def release(self) -> None:
        """Say that everything of this assignment is loaded or abandoned; a rebalance that waits for it goes on."""
        self._ties.release()

    async def origins(self) -> dict[str, str]:
        """Return each assigned topic's identity."""
        if self._origins is None:
            self._origins = await self._member.origins({p.topic for p in self.partitions})
        return self._origins

    async def starts(self, known: Known) -> Position:
        """Return the first offset of each partition that `known` lacks, over all partitions of the assigned topics.

        Raises `SourceGap` with the exact ranges when stored offsets are gone, or when a topic is another one.
        """
        origins = await self.origins()
        partitions = {p for topic in origins for p in self._member.partitions_of(topic)} | self.partitions
        first = await self._member.log_starts(partitions)
        stored = known.position.of(self.partitions)
        self.gaps = await self._missing(stored, changed(known.origins, origins), first)
        self._refuse(self.gaps)
        seen = {partition.topic for partition in known.position.next}
        added = {p: first[p] for p in partitions if p.topic in seen and p not in known.position}
        return Position(added | await self._chosen({p: first[p] for p in partitions if p.topic not in seen}))

    async def batches(self, start: Position, without: frozenset[str] = frozenset()) -> AsyncGenerator[RawBatch, None]:
        """Yield batches from `start` on until the assignment ends or every partition is at its bound.

        The partitions of the topics `without` are paused meanwhile.
        Raises `SourceGap` when retention overtakes us; with `accept_loss` the assignment ends instead, and another
        one for the same partitions follows, whose `starts` tells the gap.
        """
        if not self.ended:
            self._begin(start, without)
        while (batch := await self._next_batch()) is not None and await self._wait_for_budget(batch.nbytes):
            self._with.budget.take(batch.nbytes)
            yield batch
            del batch  # while the next is filled, this one lives only as long as whoever took it wants

    # -- where to start

    async def _chosen(self, first: dict[Partition, int]) -> dict[Partition, int]:
        match self._with.kafka.start:
            case "earliest":
                return first
            case "latest":
                return await self._member.log_ends(first)
            case when:
                last = await self._member.log_ends(first)  # before: what comes in between is past the start
                found = await self._member.offsets_at(first, when)
                return last | {p: offset for p, offset in found.items() if offset is not None}

    async def _missing(
        self, stored: Position, others: frozenset[str], first: Mapping[Partition, int]
    ) -> tuple[Gap, ...]:
        if not stored:
            return ()
        last = await self._member.log_ends(list(stored.next))
        if replaced := judge.recreation_gaps(stored, others, first, last):
            return replaced
        suspects = judge.truncation_gaps(stored, last)
        if suspects and await self._out_of_range(suspects):
            suspects = tuple([gap for gap in suspects if await self._out_of_range((gap,))])
            return judge.retention_gaps(stored, first) + suspects
        return judge.retention_gaps(stored, first)

    async def _out_of_range(self, suspects: tuple[Gap, ...]) -> bool:
        """Ask the broker itself: the end it lists may lag behind (a new leader, a broker that only estimates)."""
        asked = Position({gap.range.partition: gap.range.stop for gap in suspects})
        self._member.seek(asked)
        self._member.resume(list(asked.next))
        try:
            await self._with.poller.poll(PROBE_SECONDS, 1)
        except OutOfRange:
            return True
        finally:
            if not self.ended:
                self._member.pause(list(asked.next))
        return False

    def _refuse(self, found: tuple[Gap, ...]) -> None:
        accept = self._with.kafka.accept_loss
        if found and not (accept and all(map(judge.acceptable, found))):
            raise SourceGap(judge.describe(found, accept_loss=accept))

    # -- reading

    def _begin(self, start: Position, without: frozenset[str]) -> None:
        self._carried = []
        self._left_out = frozenset(partition for partition in self.partitions if partition.topic in without)
        self._member.pause(self._left_out)
        self._next = {partition: start.next[partition] for partition in self.partitions}
        after = Position({gap.range.partition: gap.range.stop for gap in self.gaps})
        self._member.seek(Position(self._next) | after.of(self.partitions))

    async def _next_batch(self) -> RawBatch | None:
        if not self.ended:
            self._member.resume(self._unfinished())  # paused at first, and when nobody asked for long
        draft = BatchBuilder(self._with.batching, self._with.clock, self._with.age_seconds())
        self._carried = _added(draft, self._carried)
        while not self.ended:  # asked right before each poll, with nothing awaited in between
            if cause := draft.due:
                return draft.finish(cause)
            if not self._unfinished() and self._with.ends is not None:
                return draft.finish("shutdown") if draft.begun else None
            polled = await self._polled(draft)
            await self._refuse_another_topic()
            if not self.ended:
                self._carried = _added(draft, await self._read(polled))
        return None

    async def _polled(self, draft: BatchBuilder) -> Polled:
        try:
            polled = await self._with.poller.poll(min(draft.patience, IDLE_SECONDS), self._max_records(draft))
        except OutOfRange as error:
            await self._overtaken(error)
            return {}
        if polled:
            failpoint("poll.after")
        return polled

    def _max_records(self, draft: BatchBuilder) -> int:
        """Return how many records to ask for: what the draft has room for, if they weigh what those before did."""
        if draft.rows:
            self._record_bytes = draft.nbytes // draft.rows + 1
        return min(draft.room, draft.room_bytes // self._record_bytes + SPARE_RECORDS)

    async def _refuse_another_topic(self) -> None:
        """Raise `SourceGap` when a topic was deleted and made anew under our reading."""
        now = self._with.clock()
        if self.ended or self._origins is None or now - self._looked_at < ORIGIN_SECONDS:
            return
        self._looked_at = now
        try:
            found = await self._member.origins({partition.topic for partition in self.partitions})
        except SourceError:
            return  # later: reading itself tells when a broker is away
        if others := changed(self._origins, found):
            first = await self._member.log_starts(self.partitions)
            last = await self._member.log_ends(self.partitions)
            self._refuse(judge.recreation_gaps(Position(self._next), others, first, last))

    async def _read(self, polled: Polled) -> list[PartitionRecords]:
        """Return a part for each partition that moved, with records or without: ranges come from the position."""
        parts = []
        for partition, start in self._next.items():
            stop = await self._member.position(partition)
            if stop is not None and stop > start:
                parts.append(polled.get(partition, NOTHING).standing_for(OffsetRange(partition, start, stop)))
        if self._with.ends is not None:
            parts = self._within_bounds(parts, self._with.ends)
        self._next |= {part.range.partition: part.range.stop for part in parts}
        return parts

    def _within_bounds(self, parts: list[PartitionRecords], ends: Mapping[Partition, int]) -> list[PartitionRecords]:
        unfinished = self._unfinished()
        kept = [part for part in parts if part.range.partition in unfinished]
        kept = [part.within(part.range.start, ends[part.range.partition]) for part in kept]
        self._member.pause([s.range.partition for s in kept if s.range.stop >= ends[s.range.partition]])
        return kept

    def _unfinished(self) -> frozenset[Partition]:
        wanted = self.partitions - self._left_out
        if self._with.ends is None:
            return wanted
        return frozenset(p for p in wanted if self._next[p] < self._with.ends.get(p, 0))

    async def _wait_for_budget(self, nbytes: int) -> bool:
        """Wait until the budget has room for a batch; return whether it is still ours to deliver."""
        while not self._with.budget.fits(nbytes) and not self.ended:
            with anyio.move_on_after(IDLE_SECONDS):
                await self._with.budget.freed()
        return not self.ended

    async def _overtaken(self, error: OutOfRange) -> None:
        """Tell what an offset out of range in mid-flight means; when it is in range again, read on."""
        here = Position(self._next)
        first = await self._member.log_starts(self.partitions)
        last = await self._member.log_ends(self.partitions)
        found = judge.retention_gaps(here, first) + judge.truncation_gaps(here, last)
        try:
            self._refuse(found)
        except SourceGap as gap:
            raise gap from error
        if found:
            self._ties.renew()
        elif not self.ended:
            self._member.seek(here)


def _added(draft: BatchBuilder, parts: list[PartitionRecords]) -> list[PartitionRecords]:
    return [rest for part in parts if (rest := draft.add(part)) is not None]
