"""Logs read by offset, in no consumer group: for those who check or look something up."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Collection, Mapping, Set
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeVar

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from checkpoints import OffsetRange, Partition
from stream.config.models import Kafka
from stream.errors import SourceUnavailable
from stream.model import PartitionRecords
from stream.source.asked_origins import asked_origins
from stream.source.client import CONNECT_SECONDS, FETCH_MAX_BYTES, consumer_arguments
from stream.source.contract import Bounds
from stream.source.fast_records import unwrap
from stream.source.kafka_errors import diagnosis, mapped_errors
from stream.source.offset_runs import offset_runs
from stream.source.rights import may_join, missing_topic_rights

T = TypeVar("T")

CHUNK_RECORDS: Final = 20_000
_POLL_MS: Final = 500
_SILENT_SECONDS: Final = 60.0  # how long a log may bring nothing before its end


class LogReader:
    """Reads what `read_committed` delivers, from any offset, as often as wanted. Raises `SourceError`s."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        most = max(kafka.max_partition_fetch_bytes, FETCH_MAX_BYTES)  # one log is read at a time
        apart = kafka.model_copy(update={"instance_id": None, "max_partition_fetch_bytes": most})
        self._consumer = AIOKafkaConsumer(**consumer_arguments(apart, None))

    async def connect(self) -> None:
        """Connect to one of the brokers."""
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                await self._consumer.start()
                unwrap(self._consumer)
        except (KafkaError, OSError) as error:
            raise await diagnosis(self._kafka, CONNECT_SECONDS) from error

    async def aclose(self) -> None:
        """Disconnect."""
        with anyio.move_on_after(CONNECT_SECONDS, shield=True):
            await self._consumer.stop()

    async def topics(self) -> frozenset[str]:
        """Return the names of all topics that we may see."""
        return frozenset(await self._told(self._consumer.topics()))

    async def partitions(self, topic: str) -> frozenset[Partition]:
        """Return the partitions of a topic; none when it does not exist."""
        # Asked of a consumer that reads nothing, aiokafka tells of the topics that there were when it connected.
        metadata = await self._told(self._consumer._client.fetch_all_metadata())
        return frozenset(Partition(topic, number) for number in metadata.partitions_for_topic(topic) or ())

    async def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """Return the first offset of each log and the one after the last that may be delivered."""
        asked = [_theirs(partition) for partition in partitions]
        first = await self._told(self._consumer.beginning_offsets(asked))
        last = await self._told(self._consumer.end_offsets(asked))
        return {Partition(*tp): Bounds(first[tp], last[tp]) for tp in asked}

    async def offsets_at(self, partitions: Collection[Partition], when: datetime) -> Mapping[Partition, int | None]:
        """Return the first offset with a timestamp at or past `when`; None where there is none yet."""
        asked = dict.fromkeys(map(_theirs, partitions), int(when.timestamp() * 1000))
        found = await self._told(self._consumer.offsets_for_times(asked))
        return {Partition(*tp): None if at is None else at.offset for tp, at in found.items()}

    async def origins(self, topics: Set[str]) -> Mapping[str, str]:
        """Return the identity of each topic, as the broker tells it now."""
        return await asked_origins(self._consumer, self._kafka, topics)

    async def missing_rights(self, topic: str) -> tuple[str, ...] | None:
        """Return which of Read and Describe this user lacks on a topic; None where the broker does not tell."""
        return await missing_topic_rights(self._consumer, self._kafka, topic)

    async def may_join(self, group: str) -> bool:
        """Return whether this user may read as a member of a group; it is not joined."""
        return await may_join(self._consumer, self._kafka, group)

    def offset_runs(self, wanted: OffsetRange) -> AsyncGenerator[tuple[int, list[range]], None]:
        """Yield how far a range was read, and the runs of offsets there that are delivered; no record is unpacked.

        Raises `HeadersCannotTell` where only `records` can tell.
        """
        return offset_runs(self._consumer, self._kafka, wanted, FETCH_MAX_BYTES)

    async def records(self, wanted: OffsetRange) -> AsyncGenerator[PartitionRecords, None]:
        """Yield what is left of a range, in parts that follow each other up to its end.

        A part's range says what it stands for, as everywhere: offsets without a record are holes.
        """
        partition = _theirs(wanted.partition)
        self._consumer.assign([partition])
        self._consumer.seek(partition, wanted.start)
        here, silent_since = wanted.start, anyio.current_time()
        while here < wanted.stop:
            polled = await self._told(self._consumer.getmany(timeout_ms=_POLL_MS, max_records=CHUNK_RECORDS))
            there = min(await self._told(self._consumer.position(partition)), wanted.stop)
            if there > here:
                silent_since = anyio.current_time()
                yield _part(OffsetRange(wanted.partition, here, there), polled.get(partition, ()))
                here = there
            elif anyio.current_time() - silent_since > _SILENT_SECONDS:
                raise SourceUnavailable(
                    f"{wanted.partition}: nothing came for {_SILENT_SECONDS:g} s at offset {here} of {wanted.stop}"
                )

    async def _told(self, answer: Awaitable[T]) -> T:
        with mapped_errors(self._kafka):
            return await answer


@asynccontextmanager
async def reading(kafka: Kafka) -> AsyncIterator[LogReader]:
    """Yield a connected reader for the time of a block."""
    reader = LogReader(kafka)
    try:
        await reader.connect()
        yield reader
    finally:
        await reader.aclose()


def _part(range: OffsetRange, records: Collection[ConsumerRecord[bytes, bytes]]) -> PartitionRecords:
    inside = [record for record in records if record.offset < range.stop]
    return PartitionRecords(
        range,
        [record.offset for record in inside],
        [record.timestamp for record in inside],
        [record.key for record in inside],
        [record.value for record in inside],
    )


def _theirs(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)
