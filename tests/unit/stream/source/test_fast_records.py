"""What cannot be parsed is told by its place, and keeps back nothing of what comes before it."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from stream.errors import SourceError
from stream.source.fast_records import _Unwrapping
from support.batches import batch

pytestmark = pytest.mark.anyio

ORDERS = TopicPartition("orders", 0)


async def fetched(made: BatchBuilder, since: int) -> Any:
    """Return what a fetch from `since` on puts on the shelf."""
    subscription = SubscriptionState()
    subscription.assign_from_user([ORDERS])
    assignment = subscription.subscription.assignment
    assignment.state_value(ORDERS).seek(since)
    records = PartitionRecords(ORDERS, MemoryRecords(bytes(made._build())), [], since, None, None, True, 1)
    shelf = _Unwrapping()
    shelf[ORDERS] = FetchResult(ORDERS, assignment=assignment, partition_records=records, backoff=0)
    return shelf[ORDERS]


async def test_what_comes_before_a_header_that_is_no_text_is_read() -> None:
    result = await fetched(batch([b"a", b"b", b"c"], broken_header_at=2), since=0)
    assert [record.value for record in result.getall(100)] == [b"a", b"b"]


async def test_a_header_that_is_no_text_is_told_by_its_place() -> None:
    result = await fetched(batch([b"a", b"b", b"c"], broken_header_at=2), since=2)
    with pytest.raises(SourceError, match=r"orders\[0\]: the record at offset 2 has a header whose name is not UTF-8"):
        result.getall(100)


async def test_a_batch_with_a_wrong_checksum_is_told_by_its_place() -> None:
    result = await fetched(batch([b"a"], right_crc=False), since=0)
    with pytest.raises(SourceError, match=r"orders\[0\]: the record at offset 0 lies in a batch that is corrupt"):
        result.getall(100)
