"""Where a bounded source ends when it shares its topic with others in the group."""

from __future__ import annotations

import time

import anyio
import pytest

from checkpoints import Known, Partition, Position
from stream.config.models import Batching, Kafka
from stream.source.budget import Budget
from stream.source.events import SourceEvent
from stream.source.kafka import KafkaSource
from stream.source.testing.memory import MemoryBroker, MemoryMember

pytestmark = pytest.mark.anyio
PARTITIONS = [Partition("orders", number) for number in range(2)]


class Silent:
    """Somebody in the group who holds a share and reads nothing."""

    def assigned(self, partitions: frozenset[Partition]) -> None:
        pass

    async def revoked(self) -> None:
        pass


@pytest.fixture
def broker() -> MemoryBroker:
    broker = MemoryBroker()
    broker.create("orders", partitions=2)
    for partition in PARTITIONS:
        broker.produce(partition, [str(partition).encode()])
    return broker


@pytest.fixture
async def other(broker: MemoryBroker) -> MemoryMember:
    member = MemoryMember(broker, Kafka(topics=("orders",)), wants_headers=False)
    member.join(Silent())
    await member.poll(0, 1)
    return member


async def values_of(source: KafkaSource) -> list[bytes]:
    values: list[bytes] = []
    await source.open()
    position = Position()
    async for assignment in source.assignments():
        start = position.of(assignment.partitions) | await assignment.starts(Known(position))
        async for batch in assignment.batches(start):
            position |= Position({part.range.partition: part.range.stop for part in batch.parts})
            values += [value for part in batch.parts for value in part.values if value is not None]
        assignment.release()
    await source.aclose()
    return values


def bounded(broker: MemoryBroker, events: list[SourceEvent]) -> KafkaSource:
    source = KafkaSource(
        Kafka(topics=("orders",), until="latest"), Batching(), Budget(1 << 20), group="shop",
        clock=lambda: 30 * time.monotonic(),
        member=lambda kafka, _, wants_headers: MemoryMember(broker, kafka, wants_headers=wants_headers),
    )  # fmt: skip
    source.listen(events.append)
    return source


async def test_a_bounded_source_reads_what_a_member_held_that_died(broker: MemoryBroker, other: MemoryMember) -> None:
    events: list[SourceEvent] = []
    source = bounded(broker, events)

    def dies_when_waited_for(event: SourceEvent) -> None:
        events.append(event)
        if event.kind == "waiting":
            tasks.start_soon(leave)

    async def leave() -> None:
        await other.close()
        await broker.rebalance()

    source.listen(dies_when_waited_for)
    async with anyio.create_task_group() as tasks:
        values = await values_of(source)
    assert sorted(values) == [b"orders[0]", b"orders[1]"]


async def test_a_bounded_source_leaves_to_others_what_they_hold_and_says_so(
    broker: MemoryBroker, other: MemoryMember
) -> None:
    events: list[SourceEvent] = []
    assert await values_of(bounded(broker, events)) == [b"orders[1]"]
    [waiting] = [event for event in events if event.kind == "waiting"]
    assert waiting.partitions == {PARTITIONS[0]}
    assert "other members of group shop hold orders[0]" in waiting.detail


async def test_a_bounded_source_that_has_all_partitions_waits_for_nobody(broker: MemoryBroker) -> None:
    events: list[SourceEvent] = []
    assert len(await values_of(bounded(broker, events))) == 2
    assert [event.kind for event in events] == ["assigned"]
