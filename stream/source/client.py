"""aiokafka behind our own words: its consumer with the defaults we want, its partitions as ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Collection, Coroutine, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from checkpoints import Partition, Position
from stream.config.models import Kafka
from stream.config.secret_files import FileSecret, newest
from stream.config.validators import whole_name
from stream.source.asked_origins import asked_origins
from stream.source.columns import Columns
from stream.source.fast_records import unwrap
from stream.source.kafka_errors import diagnosis, mapped_errors
from stream.source.member import Listener, Polled
from stream.source.security import security_arguments

METADATA_MAX_AGE_SECONDS: Final = 30  # how soon a new partition, or a new topic of a pattern, is found
CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 5.0
PASSWORD_SECONDS: Final = 5.0  # how often a file with a password is looked at
FETCH_MAX_BYTES: Final = 16 * 1024 * 1024  # over all partitions of one broker: what one prefetch may hold in memory
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


def consumer_arguments(kafka: Kafka, group: str | None) -> dict[str, Any]:
    """Return aiokafka's arguments. Raises `ConfigError` when the security settings are wrong or not safe."""
    return {
        "bootstrap_servers": kafka.brokers,
        "client_id": kafka.client_id,
        "group_id": group,
        "group_instance_id": kafka.instance_id,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "session_timeout_ms": _ms(kafka.session_timeout_seconds),
        "heartbeat_interval_ms": _ms(min(3.0, kafka.session_timeout_seconds / 4)),
        "max_poll_interval_ms": _ms(kafka.max_poll_interval_seconds),
        "rebalance_timeout_ms": _ms(kafka.max_poll_interval_seconds),
        "request_timeout_ms": _ms(kafka.request_timeout_seconds),
        "metadata_max_age_ms": _ms(METADATA_MAX_AGE_SECONDS),
        "max_partition_fetch_bytes": kafka.max_partition_fetch_bytes,
        "fetch_max_bytes": max(FETCH_MAX_BYTES, kafka.max_partition_fetch_bytes),
        **security_arguments(kafka.security),
    }


class Client:
    """A `Member` over aiokafka."""

    def __init__(self, kafka: Kafka, group: str, *, wants_headers: bool = False) -> None:
        self._kafka = kafka
        self._wants_headers = wants_headers
        self._consumer = AIOKafkaConsumer(**consumer_arguments(kafka, group))
        self._joins_again = False
        self._password_due = 0.0

    async def connect(self) -> None:
        """Connect to one of the brokers and learn the cluster. Raises `SourceUnavailable` or `SourceDenied`."""
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                await self._consumer.start()
                unwrap(self._consumer)
                _leave_out_unsubscribed(self._consumer)
        except (KafkaError, OSError) as error:
            raise await diagnosis(self._kafka, CONNECT_SECONDS) from error

    async def topics(self) -> frozenset[str]:
        """Return the names of all topics that we may see. Creates none."""
        return frozenset(await self._told(self._consumer.topics()))

    def join(self, listener: Listener) -> None:
        """Join the group for the configured topics; `listener` hears of the assignments."""
        relay = _Relay(self, listener)
        if self._kafka.pattern is not None:
            self._consumer.subscribe(pattern=whole_name(self._kafka.pattern), listener=relay)
        else:
            self._consumer.subscribe(topics=list(self._kafka.topics), listener=relay)

    @property
    def subscription(self) -> frozenset[str]:
        """Return the topics that we read, as far as they exist."""
        return frozenset(self._consumer.subscription())

    def partitions_of(self, topic: str) -> frozenset[Partition]:
        """Return all partitions of a topic that we read, ours or not."""
        return frozenset(Partition(topic, number) for number in self._consumer.partitions_for_topic(topic) or ())

    @property
    def forgotten(self) -> bool:
        """Return whether the group does not know us any more. aiokafka shows that in a private field only."""
        coordinator = self._consumer._coordinator
        return coordinator is not None and bool(coordinator.generation < 0)

    async def log_starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the first offset that each log still holds."""
        return _ours(await self._told(self._consumer.beginning_offsets(_theirs(partitions))))

    async def log_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset after the last that `read_committed` may deliver."""
        return _ours(await self._told(self._consumer.end_offsets(_theirs(partitions))))

    def high_watermark(self, partition: Partition) -> int | None:
        """Return the end of what is written, as the last fetch told it; None before there is one, or if not ours."""
        theirs = TopicPartition(partition.topic, partition.number)
        if theirs not in self._consumer.assignment():  # aiokafka asserts that it is
            return None
        told = self._consumer.highwater(theirs)
        return None if told is None else int(told)

    async def offsets_at(self, partitions: Collection[Partition], when: datetime) -> dict[Partition, int | None]:
        """Return the first offset with a timestamp at or past `when`; None where there is none yet."""
        if when < _EPOCH:  # Kafka counts from there and takes no earlier time: everything is past it
            return dict(await self.log_starts(partitions))
        wanted = dict.fromkeys(_theirs(partitions), int(when.timestamp() * 1000))
        found = await self._told(self._consumer.offsets_for_times(wanted))
        return {Partition(*tp): None if at is None else at.offset for tp, at in found.items()}

    async def origins(self, topics: Set[str]) -> dict[str, str]:
        """Return each topic's identity: see `asked_origins`."""
        return await asked_origins(self._consumer, self._kafka, topics)

    def seek(self, position: Position) -> None:
        """Read on from `position`, in its partitions, as far as they are ours.

        While a pattern's subscription is replaced none is; who reads then is told so by the end of the assignment.
        """
        for partition in self._ours_of(position.next):
            self._consumer.seek(partition, position.next[Partition(*partition)])

    def pause(self, partitions: Collection[Partition]) -> None:
        """Let polls bring nothing of these partitions, as far as they are ours."""
        self._consumer.pause(*self._ours_of(partitions))

    def resume(self, partitions: Collection[Partition]) -> None:
        """Let polls bring records of these partitions again, as far as they are ours."""
        self._consumer.resume(*self._ours_of(partitions))

    async def poll(self, seconds: float, max_records: int) -> Polled:
        """Return the next records of the partitions that are not paused, after `seconds` at the latest.

        In the middle of a rebalance aiokafka waits for its end first (`Fetcher.fetched_records`).
        """
        self._look_for_a_new_password()
        wait = _ms(max(0.0, seconds))
        try:
            polled = await self._told(self._consumer.getmany(timeout_ms=wait, max_records=max_records))
        finally:
            self._forget_waiters()
        return {Partition(*tp): _columns(records, self._wants_headers) for tp, records in polled.items()}

    async def position(self, partition: Partition) -> int | None:
        """Return the next offset that a poll will look at: past holes, markers and aborted records; None if not ours.

        aiokafka forgets an assignment some time before it tells the listener so: when a topic of a pattern appears.
        """
        try:
            return int(await self._consumer.position(TopicPartition(partition.topic, partition.number)))
        except IllegalStateError:
            return None

    async def commit(self, position: Position) -> None:
        """Write group offsets, for lag tools; none for a group that does not know us.

        It would refuse them, and aiokafka would take that for a second forgetting, in the middle of joining again.
        """
        if self.forgotten:
            return
        await self._told(self._consumer.commit({tp: (at, "") for tp, at in _offsets(position).items()}))

    async def close(self) -> None:
        """Leave the group and disconnect, within a bound. Safe to repeat."""
        with anyio.CancelScope(shield=True):
            if not await _completed(self._consumer.stop(), "leave the group"):
                await _completed(self._consumer._client.close(), "disconnect")

    def join_once_more(self) -> bool:
        """Join again if we may lead the group without knowing it; return whether the assignment is only for now.

        The leader's client looks for new partitions. A static member that replaces another takes over its partitions,
        without a rebalance, and also its lead, without a word unless it speaks JoinGroup 9 (KIP-814). When a leader
        joins again, the group deals its partitions out anew; when a follower does, nothing changes.
        """
        coordinator = self._consumer._coordinator
        if coordinator is None or self._kafka.instance_id is None:
            return False
        self._joins_again = coordinator._group_subscription is None and not self._joins_again
        if self._joins_again:
            coordinator.request_rejoin()
        return self._joins_again

    def _ours_of(self, partitions: Collection[Partition]) -> list[TopicPartition]:
        ours = self._consumer.assignment()
        return [partition for partition in _theirs(partitions) if partition in ours]

    def _look_for_a_new_password(self) -> None:
        """Give aiokafka the SASL password as its file has it now: it signs in anew with each connection."""
        password, now = self._kafka.security.password, time.monotonic()
        if isinstance(password, FileSecret) and now >= self._password_due:
            self._password_due = now + PASSWORD_SECONDS
            self._consumer._client._sasl_plain_password = newest(password)

    def _forget_waiters(self) -> None:
        """aiokafka keeps what a cancelled poll waited for, and would tell it of failures that nobody then retrieves."""
        fetcher = self._consumer._fetcher
        for waiter in tuple(fetcher._fetch_waiters) if fetcher else ():
            waiter.cancel()

    async def _told(self, answer: Awaitable[T]) -> T:
        with mapped_errors(self._kafka):
            return await answer


class _Relay(ConsumerRebalanceListener):
    """aiokafka's callbacks as ours. Nothing is fetched before somebody seeks: the group's offsets are never used."""

    def __init__(self, client: Client, listener: Listener) -> None:
        self._client = client
        self._listener = listener

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._listener.revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        partitions = frozenset(Partition(*tp) for tp in assigned)
        self._client.pause(partitions)
        self._client.seek(Position(dict.fromkeys(partitions, 0)))
        if not self._client.join_once_more():
            self._listener.assigned(partitions)


def _leave_out_unsubscribed(consumer: AIOKafkaConsumer) -> None:
    """Have the consumer take of an assignment what it subscribes to; aiokafka would take the rest for impossible.

    A static member gets the assignment of the process that it replaces, whose topics may have been others. Then it
    joins once more, and the group deals out what it subscribes to now.
    """
    state = consumer._subscription
    assign = state.assign_from_subscribed

    def assign_ours(assignment: set[TopicPartition]) -> None:
        topics = state.subscription.topics
        assign({partition for partition in assignment if partition.topic in topics})

    state.assign_from_subscribed = assign_ours  # type: ignore[method-assign]  # on this instance only


async def _completed(work: Coroutine[Any, Any, None], name: str) -> bool:
    """Wait for one step of closing, within a bound; return whether it was done. No broker need be there to hear of it.

    It runs as a task of its own: aiokafka awaits tasks that it has cancelled, and would cancel us with them.
    """
    task = asyncio.create_task(work, name=name)
    await asyncio.wait({task}, timeout=CLOSE_SECONDS)
    if task.cancel():
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)
    if not task.done() or task.cancelled():
        return False
    try:
        task.result()
    except (KafkaError, OSError):
        return False
    return True


def _columns(records: Sequence[ConsumerRecord[bytes, bytes]], wants_headers: bool) -> Columns:
    return Columns(
        [record.offset for record in records],
        [record.timestamp for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [tuple(record.headers) for record in records] if wants_headers else (),
    )


def _theirs(partitions: Collection[Partition]) -> list[TopicPartition]:
    return [TopicPartition(partition.topic, partition.number) for partition in partitions]


def _ours(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {Partition(*tp): offset for tp, offset in offsets.items()}


def _offsets(position: Position) -> dict[TopicPartition, int]:
    return {TopicPartition(p.topic, p.number): offset for p, offset in position.next.items()}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
