"""Logs asked for their offsets alone: fetched as they are, and told by the headers of batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import for_code
from aiokafka.protocol.fetch import FetchRequest

from checkpoints import OffsetRange
from stream.config.models import Kafka
from stream.source.batch_headers import HeadersCannotTell, delivered_runs
from stream.source.kafka_errors import mapped_errors

_WAIT_MS: Final = 500
_READ_COMMITTED: Final = 1
_OLDEST_VERSION: Final = 5  # since then a partition's answer says where its log starts
_ABORTED: Final = 5  # place of the aborted transactions in it


async def offset_runs(
    consumer: AIOKafkaConsumer, kafka: Kafka, wanted: OffsetRange, max_bytes: int
) -> AsyncGenerator[tuple[int, list[range]], None]:
    """Yield how far a range was read, and the runs of offsets there that `read_committed` delivers.

    Raises `HeadersCannotTell` where only the records can tell, or nothing comes; and `SourceError`s.
    """
    client: Any = consumer._client
    partition = TopicPartition(wanted.partition.topic, wanted.partition.number)
    here = wanted.start
    while here < wanted.stop:
        place = [(partition.topic, [(partition.partition, here, max_bytes)])]
        with mapped_errors(kafka):
            leader = client.cluster.leader_for_partition(partition)
            if leader is None or leader < 0:
                raise HeadersCannotTell(f"{wanted.partition} has no leader now")
            answer = await client.send(leader, FetchRequest(_WAIT_MS, 1, max_bytes, _READ_COMMITTED, place))
            ((_, ((_, error, *_, data),)),) = answer.topics
            if error:
                raise for_code(error)()
        if answer.API_VERSION < _OLDEST_VERSION:
            raise HeadersCannotTell("the broker speaks an old version")
        ((_, (told,)),) = answer.topics
        runs, there = delivered_runs(data or b"", told[_ABORTED] or (), here)
        if there <= here:
            raise HeadersCannotTell(f"{wanted.partition}: nothing came at offset {here} of {wanted.stop}")
        here = min(there, wanted.stop)
        yield here, [range(run.start, min(run.stop, wanted.stop)) for run in runs if run.start < wanted.stop]
