"""A topic on a real broker, written by a transactional producer, and sources that read it in one group."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import anyio.lowlevel
import anyio.to_thread
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from stream.config.models import Batching, Kafka
from stream.source.budget import Budget
from stream.source.events import SourceEvent
from stream.source.kafka import KafkaSource
from stream.source.testing.suite import QUICK, ROOMY

HEADERS = [("origin", b"test")]


class KafkaBench:
    """What `SourceContract` needs, and what only a real broker can do besides."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.events: list[SourceEvent] = []
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._others = AsyncExitStack()
        self._transactional: Producer | None = None

    def source(
        self, *, batching: Batching = QUICK, budget: Budget | None = None, wants_headers: bool = False, **kafka: Any
    ) -> KafkaSource:
        settings = {"brokers": self.bootstrap, "topics": (self.topic,), "session_timeout_seconds": 6.0, **kafka}
        source = KafkaSource(
            Kafka(**settings), batching, budget or Budget(ROOMY), group=self.group, wants_headers=wants_headers
        )
        source.listen(self.events.append)
        return source

    async def produce(
        self,
        number: int,
        values: Sequence[bytes | None],
        *,
        keys: Sequence[bytes | None] | None = None,
        **settings: Any,
    ) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0, **settings})
        for key, value in zip(keys or [None] * len(values), values, strict=True):
            producer.produce(self.topic, value, key, number, headers=HEADERS)
        await anyio.to_thread.run_sync(producer.flush)

    async def transact(self, number: int, values: Sequence[bytes], *, commit: bool) -> None:
        """Append records in one transaction, and its marker."""
        await anyio.to_thread.run_sync(self._transact, number, values, commit)

    async def leave_hole(self, number: int) -> None:
        await self.transact(number, [b"aborted"], commit=False)

    async def end(self, number: int) -> int:
        return await anyio.to_thread.run_sync(self._end, number)

    async def trim(self, number: int, before: int) -> None:
        await self._done(self._admin.delete_records([TopicPartition(self.topic, number, before)]))

    async def grow(self) -> None:
        await self._done(self._admin.create_partitions([NewPartitions(self.topic, 3)]))
        await self.visible(3)

    async def recreate(self) -> None:
        await self._done(self._admin.delete_topics([self.topic]))
        await self._until(lambda: self.topic not in self._admin.list_topics().topics)
        await self._until(self._created)
        await self.visible(2)

    async def visible(self, partitions: int) -> None:
        """Return when the broker shows the topic: it creates topics before it tells of them."""
        await self._until(lambda: len(self._partitions()) == partitions)

    async def rebalance(self) -> None:
        """Bring another member into the group, return when it has its share; it stays until the bench is closed."""
        other = self.source()
        self._others.push_async_callback(other.aclose)
        await other.open()
        async for assignment in other.assignments():
            assignment.release()
            return

    async def aclose(self) -> None:
        """Close the members that `rebalance` brought."""
        await self._others.aclose()

    def _transact(self, number: int, values: Sequence[bytes], commit: bool) -> None:
        if self._transactional is None:
            self._transactional = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": self.topic})
            self._transactional.init_transactions(30)
        self._transactional.begin_transaction()
        for value in values:
            self._transactional.produce(self.topic, value, None, number)
        self._transactional.flush()
        if commit:
            self._transactional.commit_transaction(30)
        else:
            self._transactional.abort_transaction(30)

    def _end(self, number: int) -> int:
        partition = TopicPartition(self.topic, number)
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends"})
        try:
            return consumer.get_watermark_offsets(partition, 10)[1]
        finally:
            consumer.close()

    def _partitions(self) -> Sequence[Any]:
        found = self._admin.list_topics(self.topic).topics.get(self.topic)
        return found.partitions if found and not found.error else ()

    def _created(self) -> bool:
        try:
            self._admin.create_topics([NewTopic(self.topic, 2, 1)])[self.topic].result(10)
        except KafkaException:
            return False
        return True

    async def _done(self, futures: dict[Any, Any]) -> None:
        for future in futures.values():
            await anyio.to_thread.run_sync(future.result, 30)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not await anyio.to_thread.run_sync(condition):
            await anyio.lowlevel.checkpoint()
