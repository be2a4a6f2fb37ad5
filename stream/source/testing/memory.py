"""A broker in memory: the twin that stands in for Kafka in tests, behind the same port as the real client."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import anyio
import anyio.lowlevel

from checkpoints import Partition, Position
from stream.config.models import Batching, Kafka
from stream.model import Headers
from stream.source.budget import Budget
from stream.source.columns import Columns
from stream.source.kafka import KafkaSource
from stream.source.member import Listener, OutOfRange, Polled
from stream.source.origin import origin


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log in memory."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class Log:
    """One partition: the offsets it holds, and those of its records that are still there."""

    start: int = 0
    end: int = 0
    entries: list[Entry] = field(default_factory=list)

    def after(self, offset: int) -> list[Entry]:
        """Return the records at or past `offset`."""
        return [entry for entry in self.entries if entry.offset >= offset]


class MemoryBroker:
    """Topics in memory and one consumer group, whose rebalances a test directs."""

    def __init__(self, cluster: str = "memory") -> None:
        self.cluster = cluster
        self.logs: dict[Partition, Log] = {}
        self.committed = Position()
        self.members: list[MemoryMember] = []
        self.polls = 0
        self._incarnations: dict[str, int] = {}
        self._written = anyio.Event()
        self._settled = anyio.Event()
        self._settled.set()

    def create(self, topic: str, partitions: int = 1) -> None:
        """Make a topic anew, or give one more partitions."""
        self._incarnations.setdefault(topic, 1)
        for number in range(partitions):
            self.logs.setdefault(Partition(topic, number), Log())

    def recreate(self, topic: str) -> None:
        """Delete a topic and make it again, empty, under a new topic id."""
        self._incarnations[topic] += 1
        for partition in self.partitions_of(topic):
            self.logs[partition] = Log()

    def produce(
        self,
        partition: Partition,
        values: Sequence[bytes | None],
        *,
        keys: Sequence[bytes | None] | None = None,
        timestamp: int = 0,
        headers: Headers = (),
    ) -> None:
        """Append records."""
        log = self.logs[partition]
        for key, value in zip(keys or [None] * len(values), values, strict=True):
            log.entries.append(Entry(log.end, timestamp, key, value, headers))
            log.end += 1
        self._announce()

    def skip(self, partition: Partition, count: int) -> None:
        """Append offsets without records: what compaction, markers and aborted transactions leave."""
        self.logs[partition].end += count
        self._announce()

    def trim(self, partition: Partition, before: int) -> None:
        """Delete the records before an offset, as retention does."""
        log = self.logs[partition]
        log.start = before
        log.entries = log.after(before)

    def truncate(self, partition: Partition, end: int) -> None:
        """Cut the log off, as an unclean leader election does."""
        log = self.logs[partition]
        log.entries = [entry for entry in log.entries if entry.offset < end]
        log.end = end

    def partitions_of(self, topic: str) -> frozenset[Partition]:
        """Return the partitions of a topic."""
        return frozenset(partition for partition in self.logs if partition.topic == topic)

    def topic_id(self, topic: str) -> str:
        """Return the identity of a topic's present incarnation."""
        return str(self._incarnations[topic])

    async def rebalance(self, *, lost: bool = False) -> None:
        """Take all partitions from all members, with or without asking, and assign them again."""
        self._settled = anyio.Event()
        for member in self.members:
            member.forgotten = lost
            await member.listener.revoked()
            member.forgotten = False
        for index, member in enumerate(self.members):
            mine = sorted(p for p in self.logs if p.topic in member.subscription)
            member.adopt(frozenset(islice(mine, index, None, len(self.members))))
        self._settled.set()

    async def settled(self) -> None:
        """Wait until no rebalance is under way."""
        await self._settled.wait()

    async def written(self) -> None:
        """Wait until something is appended."""
        await self._written.wait()

    def _announce(self) -> None:
        self._written.set()
        self._written = anyio.Event()


class MemoryMember:
    """A `Member` over a broker in memory. The group forms anew when a member that joined polls for the first time."""

    listener: Listener

    def __init__(self, broker: MemoryBroker, kafka: Kafka, *, wants_headers: bool) -> None:
        self.forgotten = False
        self._broker = broker
        self._topics = frozenset(kafka.topics)
        self._wants_headers = wants_headers
        self._at: dict[Partition, int] = {}
        self._paused: set[Partition] = set()

    @property
    def subscription(self) -> frozenset[str]:
        """Return the topics that we read."""
        return self._topics

    async def connect(self) -> None:
        """Do nothing: the broker is here."""

    async def topics(self) -> frozenset[str]:
        """Return the names of all topics."""
        return frozenset(partition.topic for partition in self._broker.logs)

    def join(self, listener: Listener) -> None:
        """Remember who hears of assignments; the first poll joins."""
        self.listener = listener

    def adopt(self, partitions: frozenset[Partition]) -> None:
        """Take these partitions, paused, and tell the listener."""
        self._at = dict.fromkeys(partitions, 0)
        self._paused = set(partitions)
        self.listener.assigned(partitions)

    def partitions_of(self, topic: str) -> frozenset[Partition]:
        """Return all partitions of a topic."""
        return self._broker.partitions_of(topic)

    async def log_starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the first offset that each log still holds."""
        return {partition: self._broker.logs[partition].start for partition in partitions}

    async def log_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset after each log's last."""
        return {partition: self._broker.logs[partition].end for partition in partitions}

    def high_watermark(self, partition: Partition) -> int:
        """Return the end of the log: it has no transactions."""
        return self._broker.logs[partition].end

    async def offsets_at(self, partitions: Collection[Partition], when: datetime) -> dict[Partition, int | None]:
        """Return the first offset with a timestamp at or past `when`."""
        since = when.timestamp() * 1000
        return {
            p: next((entry.offset for entry in self._broker.logs[p].entries if entry.timestamp >= since), None)
            for p in partitions
        }

    async def origins(self, topics: Set[str]) -> dict[str, str]:
        """Return each topic's identity."""
        return {topic: origin(self._broker.cluster, self._broker.topic_id(topic)) for topic in topics}

    def seek(self, position: Position) -> None:
        """Read on from `position`."""
        self._at |= position.next

    def pause(self, partitions: Collection[Partition]) -> None:
        """Let polls bring nothing of these partitions."""
        self._paused |= set(partitions)

    def resume(self, partitions: Collection[Partition]) -> None:
        """Let polls bring records of these partitions again."""
        self._paused -= set(partitions)

    async def poll(self, seconds: float, max_records: int) -> Polled:
        """Return the next records; none after `seconds`. Waits for the end of a rebalance first, as aiokafka does."""
        self._broker.polls += 1
        if self not in self._broker.members:
            self._broker.members.append(self)
            await self._broker.rebalance()
        await self._broker.settled()
        await anyio.lowlevel.checkpoint()
        if not (taken := self._take(max_records)):
            with anyio.move_on_after(seconds):
                await self._broker.written()
            taken = self._take(max_records)
        return {partition: _columns(entries, self._wants_headers) for partition, entries in taken.items()}

    async def position(self, partition: Partition) -> int | None:
        """Return the next offset that a poll will look at."""
        return self._at.get(partition)

    async def commit(self, position: Position) -> None:
        """Remember the group's offsets, for tests to look at."""
        self._broker.committed |= position

    async def close(self) -> None:
        """Leave the group."""
        if self in self._broker.members:
            self._broker.members.remove(self)

    def _take(self, max_records: int) -> Mapping[Partition, Sequence[Entry]]:
        taken: dict[Partition, Sequence[Entry]] = {}
        for partition in sorted(self._at.keys() - self._paused):
            log, here = self._broker.logs[partition], self._at[partition]
            if not log.start <= here <= log.end:
                raise OutOfRange(f"{partition} offset {here}")
            left = log.after(here)
            if entries := left[:max_records]:
                taken[partition] = entries
            self._at[partition] = entries[-1].offset + 1 if len(entries) < len(left) else log.end
            max_records -= len(entries)
            if max_records == 0:
                break
        return taken


def memory_source(
    broker: MemoryBroker, kafka: Kafka, batching: Batching, budget: Budget, *, wants_headers: bool = False
) -> KafkaSource:
    """Return a source that reads `broker` with the very logic that reads Kafka."""

    def member(kafka: Kafka, _: str, *, wants_headers: bool) -> MemoryMember:
        return MemoryMember(broker, kafka, wants_headers=wants_headers)

    return KafkaSource(kafka, batching, budget, group="memory", wants_headers=wants_headers, member=member)


def _columns(entries: Sequence[Entry], wants_headers: bool) -> Columns:
    return Columns(
        [entry.offset for entry in entries],
        [entry.timestamp for entry in entries],
        [entry.key for entry in entries],
        [entry.value for entry in entries],
        [entry.headers for entry in entries] if wants_headers else (),
    )
