"""Filling the demo's topic."""

from __future__ import annotations

from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.demo.events import orders


async def create(address: str, topic: str, partitions: int) -> None:
    """Create `topic`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def fill(
    address: str, topic: str, count: int, *, partitions: int, seed: int, tell: Callable[[int], None]
) -> None:
    """Produce `count` orders, evenly over `partitions`; `tell` hears how many are acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, max_batch_size=256 * 1024)
    await producer.start()
    try:
        for number, event in enumerate(orders(count, seed=seed)):
            await producer.send(topic, event.value, partition=number % partitions)
            if number % 10_000 == 9_999:
                await producer.flush()
                tell(number + 1)
        await producer.flush()
        tell(count)
    finally:
        await producer.stop()
