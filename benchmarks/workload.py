"""The workload: JSON orders of 389 bytes on average, a nested customer, one to three items, in 4 partitions.

The same seed gives the same events, so that every contender reads the same topic and has the same rows to account for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 4
FIRST_ORDER = datetime(2026, 1, 1)  # UTC; naive, because the text ends in Z
STATUSES = ("created", "paid", "packed", "shipped", "delivered")
CURRENCIES = ("EUR", "USD", "GBP")
CITIES = ("Aarhus", "Bologna", "Coimbra", "Dresden", "Eindhoven", "Freiburg", "Göteborg", "Heraklion")
PRODUCER_BUFFER_RECORDS = 500_000  # librdkafka refuses more, so the producer waits for the broker before


@dataclass(frozen=True, slots=True)
class Backlog:
    """A topic with events in it, and the rows they must become."""

    brokers: str
    topic: str
    events: int
    items: int


def orders(count: int, seed: int = 7) -> Iterator[tuple[bytes, int]]:
    """Yield orders as JSON, each with its number of items."""
    random = Random(seed)
    for order in range(count):
        items = 1 + order % 3
        yield _order(order, items, random).encode(), items


def produce(brokers: str, topic: str, count: int, seed: int = 7) -> Backlog:
    """Create `topic`, fill it with `count` orders as fast as the broker takes them, and return what it holds."""
    create_topic(brokers, topic)
    producer = Producer({
        "bootstrap.servers": brokers, "linger.ms": 50, "batch.size": 1_000_000, "acks": "all",
        "queue.buffering.max.messages": 2 * PRODUCER_BUFFER_RECORDS, "queue.buffering.max.kbytes": 1_000_000,
    })  # fmt: skip
    total = 0
    for number, (event, items) in enumerate(orders(count, seed)):
        producer.produce(topic, event, partition=number % PARTITIONS)
        total += items
        if number % 10_000 == 0:
            producer.poll(0)
            if len(producer) > PRODUCER_BUFFER_RECORDS:
                producer.flush()
    if unsent := producer.flush(120):
        raise RuntimeError(f"the broker at {brokers} did not take {unsent:,} of {count:,} events in 120 seconds")
    return Backlog(brokers, topic, count, total)


def create_topic(brokers: str, topic: str) -> None:
    """Create a topic of 4 partitions. Raises when it exists: a benchmark reads nothing that it did not write."""
    admin = AdminClient({"bootstrap.servers": brokers})  # held until the answer is there
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)


def _order(order: int, items: int, random: Random) -> str:
    chance = random.random
    customer = int(100_000 * chance())
    placed = FIRST_ORDER + timedelta(milliseconds=37 * order + int(37 * chance()))
    lines = ",".join([_item(int(10_000 * chance()), chance()) for _ in range(items)])
    return (
        f'{{"order_id":{order},"placed_at":"{placed.isoformat(timespec="milliseconds")}Z",'
        f'"status":"{STATUSES[int(5 * chance())]}","currency":"{CURRENCIES[int(3 * chance())]}",'
        f'"total":{int(90_000 * chance()) / 100},"gift":{"true" if order % 10 == 0 else "false"},'
        f'"customer":{{"id":{customer},"name":"Customer {customer}","email":"user{customer}@example.com",'
        f'"address":{{"city":"{CITIES[int(8 * chance())]}","zip":"{int(100_000 * chance()):05}"}}}},'
        f'"items":[{lines}]}}'
    )


def _item(article: int, chance: float) -> str:
    return (
        f'{{"sku":"SKU-{article:05}","name":"Chair {article}",'
        f'"quantity":{1 + article % 5},"price":{int(20_000 * chance) / 100}}}'
    )


def main() -> None:
    """Fill a topic from the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    print(produce(options.brokers, options.topic, options.events))


if __name__ == "__main__":
    main()
