"""A look at some records of a topic: no group is joined, no offset is stored, nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from checkpoints import OffsetRange, Partition
from stream.config.models import Kafka
from stream.errors import ConfigError
from stream.model import PartitionRecords, RawBatch
from stream.source.client import CONNECT_SECONDS, consumer_arguments
from stream.source.columns import Columns
from stream.source.kafka_errors import diagnosis, mapped_errors
from stream.source.topics import unknown_topics

End: TypeAlias = Literal["oldest", "newest"]
_ASSIGNED_SECONDS: Final = 0.02
_READ_SECONDS: Final = 15.0  # for all of it: what did not come by then is left out of the sample


async def sample(kafka: Kafka, topic: str, *, records: int, end: End) -> RawBatch:
    """Return up to `records` records of `topic`, shared out evenly among its partitions.

    `end` says from which end of the log. Raises `UnknownTopic`, `SourceUnavailable`, `SourceDenied`.
    """
    arguments = {**consumer_arguments(kafka, ""), "group_id": None, "group_instance_id": None}
    consumer = AIOKafkaConsumer(**arguments)
    try:
        with anyio.fail_after(CONNECT_SECONDS):
            await consumer.start()
    except (KafkaError, OSError) as error:
        await consumer.stop()
        raise await diagnosis(kafka, CONNECT_SECONDS) from error
    try:
        with mapped_errors(kafka):
            return await _read(consumer, topic, records, end)
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topic: str, records: int, end: End) -> RawBatch:
    existing = await consumer.topics()
    if topic not in existing:
        raise unknown_topics([topic], existing)
    if records < 1:
        raise ConfigError(f"a sample has at least one record, not {records}")
    partitions = await _all_partitions(consumer, topic)
    ranges = _ranges(await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions), records, end)
    for partition, (start, _) in ranges.items():
        consumer.seek(partition, start)
    found = await _records_within(consumer, ranges)
    return RawBatch(tuple(_part(partition, ranges[partition], some) for partition, some in found.items()))


async def _all_partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return all partitions of a topic that exists, assigned to us: without a group nobody shares them."""
    consumer.subscribe([topic])
    with anyio.fail_after(CONNECT_SECONDS):
        while not consumer.assignment():  # noqa: ASYNC110  # aiokafka has no event for it
            await anyio.sleep(_ASSIGNED_SECONDS)
    return sorted(consumer.assignment())


def _ranges(
    starts: Mapping[TopicPartition, int], stops: Mapping[TopicPartition, int], records: int, end: End
) -> dict[TopicPartition, tuple[int, int]]:
    """Return the offsets to read of each partition that has any; the last is not included."""
    filled = [partition for partition in starts if stops[partition] > starts[partition]]
    share = -(-records // max(1, len(filled)))
    if end == "oldest":
        return {p: (starts[p], min(stops[p], starts[p] + share)) for p in filled}
    return {p: (max(starts[p], stops[p] - share), stops[p]) for p in filled}


async def _records_within(
    consumer: AIOKafkaConsumer, ranges: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
    found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {partition: [] for partition in ranges}
    open_partitions = set(ranges)
    with anyio.move_on_after(_READ_SECONDS):
        while open_partitions:
            polled = await consumer.getmany(*open_partitions, timeout_ms=500)
            for partition, records in polled.items():
                found[partition] += [record for record in records if record.offset < ranges[partition][1]]
            for partition in tuple(open_partitions):
                if await consumer.position(partition) >= ranges[partition][1]:
                    open_partitions.remove(partition)
    return found


def _part(
    partition: TopicPartition, bounds: tuple[int, int], records: Sequence[ConsumerRecord[bytes, bytes]]
) -> PartitionRecords:
    columns = Columns(
        [record.offset for record in records],
        [record.timestamp for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [tuple(record.headers) for record in records],
    )
    return columns.standing_for(OffsetRange(Partition(*partition), *bounds))
