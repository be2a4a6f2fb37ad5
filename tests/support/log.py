"""What Kafka itself says a topic holds: the oracle's own eyes, with a client that headrace does not use."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from support.asking import answered
from support.events import Stamp, stamp_of


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One record's address."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Log:
    """The records that `read_committed` delivers, by place; `None` stands for a tombstone."""

    records: Mapping[Place, Stamp | None]

    @property
    def stamps(self) -> dict[Place, Stamp]:
        """Return all records but tombstones."""
        return {place: stamp for place, stamp in self.records.items() if stamp is not None}

    @property
    def orders(self) -> dict[Place, Stamp]:
        """Return the records that are proper orders: all but poison and tombstones."""
        return {place: stamp for place, stamp in self.stamps.items() if stamp.uid is not None}

    @property
    def tombstones(self) -> int:
        """Return how many records have no value."""
        return sum(stamp is None for stamp in self.records.values())

    def below(self, topic: str, partition: int, offset: int) -> int:
        """Return how many records with a value lie below `offset`."""
        return sum(p.topic == topic and p.partition == partition and p.offset < offset for p in self.stamps)


def read_log(bootstrap: str, topics: Collection[str]) -> Log:
    """Return everything that the topics hold now, up to the last stable offset of each partition."""
    consumer = _consumer(bootstrap)
    try:
        assigned = [TopicPartition(t, p, 0) for t in topics for p in _partitions(consumer, t)]
        consumer.assign(assigned)
        return Log(_read(consumer, {(each.topic, each.partition) for each in assigned}))
    finally:
        consumer.close()


def ends(bootstrap: str, topics: Collection[str]) -> dict[tuple[str, int], int]:
    """Return the last stable offset of each partition: where a reader that has caught up stands."""
    consumer = _consumer(bootstrap)
    try:
        places = [TopicPartition(t, p) for t in topics for p in _partitions(consumer, t)]
        return {(p.topic, p.partition): _end(consumer, p) for p in places}
    finally:
        consumer.close()


def _consumer(bootstrap: str) -> Consumer:
    return Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"oracle-{uuid.uuid4().hex}", "enable.auto.commit": False,
        "isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.partition.eof": True,
        "fetch.message.max.bytes": 16_000_000, "fetch.wait.max.ms": 10,
    })  # fmt: skip


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    return sorted(answered(lambda: consumer.list_topics(topic, timeout=10)).topics[topic].partitions)


def _end(consumer: Consumer, place: TopicPartition) -> int:
    return int(answered(lambda: consumer.get_watermark_offsets(place, timeout=10))[1])


def _read(consumer: Consumer, unfinished: set[tuple[str, int]]) -> dict[Place, Stamp | None]:
    records: dict[Place, Stamp | None] = {}
    while unfinished:
        for message in consumer.consume(500, timeout=0.05):  # waits for as many, or as long
            if (error := message.error()) is None:
                place = Place(message.topic(), message.partition(), message.offset())
                records[place] = None if message.value() is None else stamp_of(message.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard((message.topic(), message.partition()))
            else:
                raise KafkaException(error)
    return records
