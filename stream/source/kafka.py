"""Kafka as a source: one member of one consumer group, reading from positions that the destination holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import anyio

from checkpoints import Partition, Position
from checkpoints.failpoints import failpoint
from stream.config.models import Batching, Kafka
from stream.errors import ConfigError, HeadraceError
from stream.source.assignment import AssignmentControl, KafkaAssignment, ReadContext
from stream.source.budget import Budget
from stream.source.client import Client
from stream.source.contract import Bounds
from stream.source.events import EventEmitter, OnEvent, SourceEvent
from stream.source.kafka_errors import duplicate_member
from stream.source.member import Member, OutOfRange
from stream.source.pacing import Pace
from stream.source.poller import Poller
from stream.source.rebalance import Membership, Phase, fenced, held_by_others
from stream.source.topics import unknown_topics

WAIT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
PATIENCE_SESSIONS: Final = 1.5
"""How many session timeouts a bounded run waits for for partitions of others: their session, and our heartbeat."""


class KafkaSource:
    """A `Source` over aiokafka. Topics or a pattern, group membership and bounds come from `kafka`."""

    def __init__(
        self,
        kafka: Kafka,
        batching: Batching,
        budget: Budget,
        *,
        group: str,
        wants_headers: bool = False,
        clock: Callable[[], float] = time.monotonic,
        member: Callable[..., Member] = Client,
    ) -> None:
        if bool(kafka.topics) == (kafka.pattern is not None):
            raise ConfigError("kafka: give either topics or a pattern")
        self._kafka = kafka
        self._batching = batching
        self._budget = budget
        self._group = group
        self._member_of = member
        self._wants_headers = wants_headers
        self._teller = EventEmitter()
        self._clock = clock
        self._membership = Membership()
        self._released = anyio.Event()
        self._forgotten_at: float | None = None
        self._failure: Exception | None = None
        self._stopping = False
        self._reading: ReadContext | None = None
        self._pace = Pace()
        self._staying: asyncio.Task[None] | None = None

    def listen(self, on_event: OnEvent) -> None:
        """Call `on_event` for rebalances and other events from now on."""
        self._teller.listener = on_event

    async def open(self) -> None:
        """Connect and join the group. May be called again after it raised.

        Raises `ConfigError`, `SourceUnavailable`, `SourceDenied` or `UnknownTopic`.
        """
        member = self._member_of(self._kafka, self._group, wants_headers=self._wants_headers)
        try:
            await self._connect(member)
        except BaseException:
            await member.close()
            raise
        poller = Poller(member, self._kafka.max_poll_interval_seconds, self._clock)
        self._reading = ReadContext(
            self._kafka, self._batching, self._budget, member, poller, self._clock, self._age_seconds
        )
        member.join(self)
        # aiokafka's own tasks are asyncio's as well; this one ends in `aclose`.
        self._staying = asyncio.create_task(poller.stay(self._paused), name=f"stay in group {self._group}")

    async def assignments(self) -> AsyncGenerator[KafkaAssignment, None]:
        """Yield an assignment after each rebalance; ends when stopped, or when the bound is reached.

        A bounded source whose partitions are read waits a little for those that others in the group hold.

        Raises `SourceDenied` when the group is not ours to join, `OwnershipLost` when another process took our
        `group.instance.id`.
        """
        seen = 0
        while (membership := await self._assigned_after(seen)) is not None:
            seen = membership.round
            assignment = KafkaAssignment(membership.partitions, await self._bounded(), self._ties(seen))
            yield assignment
            if self._kafka.until and not assignment.ended:
                await self._wait_for_the_rest(seen)

    async def bounds(self) -> dict[Partition, Bounds]:
        """Return what the broker says of the assigned partitions' logs; empty when it does not answer. For metrics."""
        partitions = self._membership.partitions
        if self._reading is None or not partitions:
            return {}
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                first = await self._member.log_starts(partitions)
                last = await self._member.log_ends(partitions)
        except (HeadraceError, TimeoutError) as error:
            self._teller.tell(SourceEvent("unanswered", partitions, self._why(error)))
            return {}
        if self._teller.over("unanswered"):
            self._teller.tell(SourceEvent("answered", partitions))
        return {p: Bounds(first[p], last[p], max(last[p], self._member.high_watermark(p) or 0)) for p in partitions}

    def pace(self, batch_seconds: float) -> None:
        """Hear what a batch cost: the next ones fill for longer where that is much."""
        self._pace = self._pace.after(batch_seconds)

    async def acknowledge(self, position: Position) -> None:
        """Mirror a durable position to the consumer group. Never raises and never waits long: nobody reads it here."""
        failpoint("acknowledge.before")
        if self._reading is None or not position:
            return
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                await self._reading.member.commit(position)
        except (HeadraceError, TimeoutError) as error:
            self._teller.tell_once(SourceEvent("unacknowledged", frozenset(position.next), self._why(error)))
        else:
            self._teller.over("unacknowledged")

    def stop(self) -> None:
        """Ask for the end: batches and assignments run out."""
        self._stopping = True
        if self._reading is not None:
            self._reading.poller.interrupt()

    async def aclose(self) -> None:
        """Leave the group and disconnect. Safe to repeat."""
        self.stop()
        self._released.set()
        if self._staying is not None:
            self._staying.cancel()
            with suppress(asyncio.CancelledError):
                await self._staying
            self._staying = None
        if self._reading is not None:
            await self._reading.member.close()
            self._reading = None

    # -- what the group says (see `Listener`)

    def assigned(self, partitions: frozenset[Partition]) -> None:
        """Note the partitions that are ours now."""
        self._released = anyio.Event()
        self._membership = self._membership.assigned(partitions)
        self._interrupt()
        self._teller.tell(SourceEvent("assigned", partitions))
        if self._member.subscription:
            self._teller.over("waiting")
        else:
            self._teller.tell_once(SourceEvent("waiting", detail=f"no topic matches {self._kafka.pattern!r} yet"))

    async def revoked(self) -> None:
        """End the assignment and wait, within a bound, until its work is finished; the rebalance waits as long."""
        held = self._membership
        if held.phase is not Phase.HOLDING:
            return
        failpoint("revoke.enter")
        lost = self._member.forgotten
        self._membership = held.revoked(lost=lost)
        self._interrupt()
        self._teller.tell(SourceEvent("lost" if lost else "revoked", held.partitions))
        if lost:
            self._stop_if_fenced()
        elif not await self._finished_in_time():
            self._teller.tell(SourceEvent("lost", held.partitions, "its work was not finished in time"))

    async def _finished_in_time(self) -> bool:
        if self._membership.phase is Phase.LEAVING:
            with anyio.move_on_after(self._kafka.max_poll_interval_seconds / 2):
                await self._released.wait()
        in_time = self._membership.phase is not Phase.LEAVING
        self._membership = self._membership.overdue()
        return in_time

    def _stop_if_fenced(self) -> None:
        now, before = self._clock(), self._forgotten_at
        self._forgotten_at = now
        if self._kafka.instance_id and fenced(now, before, self._kafka.session_timeout_seconds):
            self._failure = duplicate_member(self._kafka)
            # Inside aiokafka's coordinator nothing else keeps it from joining again and fencing the other one.
            raise asyncio.CancelledError

    # -- between the group and the assignments

    @property
    def _member(self) -> Member:
        return self._opened.member

    @property
    def _opened(self) -> ReadContext:
        if self._reading is None:
            raise RuntimeError("the source is not open")
        return self._reading

    async def _connect(self, member: Member) -> None:
        await member.connect()
        existing = await member.topics()
        if missing := set(self._kafka.topics) - existing:
            raise unknown_topics(missing, existing)

    async def _assigned_after(self, round: int) -> Membership | None:
        while not self._stopping:
            if self._failure is not None:
                raise self._failure
            if self._membership.phase is Phase.HOLDING and self._membership.round > round:
                self._released = anyio.Event()
                self._membership = self._membership.taken()
                return self._membership
            with suppress(OutOfRange):  # of an assignment that is gone; the next one is judged by its own `starts`
                await self._opened.poller.poll(WAIT_SECONDS)
        return None

    async def _bounded(self) -> ReadContext:
        """Return what to read with; the first time, take down where the logs end if that is where to stop."""
        if self._kafka.until and self._opened.ends is None:
            partitions = {p for topic in self._member.subscription for p in self._member.partitions_of(topic)}
            self._reading = replace(self._opened, ends=await self._member.log_ends(partitions))
        return self._opened

    async def _wait_for_the_rest(self, round: int) -> None:
        """Stop, unless the group gives us what another member held: one that died keeps it until its session ends."""
        if rest := frozenset(self._opened.ends or ()) - self._membership.partitions:
            patience = PATIENCE_SESSIONS * self._kafka.session_timeout_seconds
            self._teller.tell(SourceEvent("waiting", rest, held_by_others(rest, self._group, patience)))
            deadline = self._clock() + patience
            while self._is_at_rest(round) and self._clock() < deadline:
                await self._opened.poller.poll(WAIT_SECONDS)
        if self._is_at_rest(round):
            self.stop()

    def _is_at_rest(self, round: int) -> bool:
        return not self._stopping and self._failure is None and self._membership.holds(round)

    def _age_seconds(self) -> float:
        return self._pace.age_seconds(self._batching.min_age_seconds, self._batching.max_age_seconds)

    def _ties(self, round: int) -> AssignmentControl:
        return AssignmentControl(
            ended=lambda: self._stopping or self._failure is not None or not self._membership.holds(round),
            lost=lambda: self._membership.has_lost(round),
            release=lambda: self._release(round),
            renew=self._renew,
        )

    def _release(self, round: int) -> None:
        if round == self._membership.round:
            self._membership = self._membership.release(round)
            self._released.set()

    def _renew(self) -> None:
        self._membership = self._membership.renewed()
        self._released = anyio.Event()

    def _paused(self) -> bool:
        if self._membership.phase is Phase.HOLDING:
            self._member.pause(self._membership.partitions)
            return True
        return False

    def _why(self, error: Exception) -> str:
        return str(error) or f"{self._kafka.brokers} does not answer within {ANSWER_SECONDS:g} s"

    def _interrupt(self) -> None:
        if self._reading is not None:
            self._reading.poller.interrupt()
