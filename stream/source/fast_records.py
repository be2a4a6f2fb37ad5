"""Records as aiokafka's parser makes them, without the object that it wraps around each one.

Half of what aiokafka costs per record is its `ConsumerRecord`, of which we read four fields once and throw it away. The
parser's own record has the same fields. This reaches into aiokafka, for one consumer only and for the versions whose
inside was read; another version keeps its wrapper and is slower (docs/decisions/0010-records-without-wrapper.md).
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from itertools import islice
from typing import Any, Final

import aiokafka
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult

from stream.source.kafka_errors import unreadable

KNOWN_VERSIONS: Final = ("0.14.",)


def unwrap(consumer: AIOKafkaConsumer) -> None:
    """Make the polls of a started consumer bring records without wrapper, where that is known to work."""
    fetcher = consumer._fetcher
    if fetcher is not None and aiokafka.__version__.startswith(KNOWN_VERSIONS):
        fetcher._records = _Unwrapping()


class _Unwrapping(OrderedDict[TopicPartition, Any]):
    """The fetcher's shelf between network and poll. What is put here has been received, and nothing of it parsed."""

    def __setitem__(self, partition: TopicPartition, result: Any) -> None:
        if isinstance(result, FetchResult):
            result._partition_records._consumer_record = _as_parsed  # found on the instance before the class
            result.getall = partial(_getall, result)  # type: ignore[method-assign]  # on this instance only
        super().__setitem__(partition, result)


def _as_parsed(_: TopicPartition, record: Any) -> Any:
    return record


def _getall(result: FetchResult, max_records: int | None = None) -> list[Any]:
    """Do what `FetchResult.getall` does, without two calls of Python per record.

    Raises `SourceError` that names the place when the first record cannot be parsed; what comes before such a record
    is returned, and the next fetch begins with it.
    """
    records: list[Any] = []
    if result.check_assignment(result._topic_partition) and result.has_more():
        try:
            records.extend(islice(result._partition_records._records_iterator, max_records))
        except Exception as error:  # parsers and decompressors raise what they like
            if not records:
                raise unreadable(result._topic_partition, result._partition_records.next_fetch_offset, error) from error
        result._update_position()
        if len(records) == max_records:
            return records
        result._partition_records = None
    del result.getall  # a circle: with it, each result would wait for the collector
    return records
