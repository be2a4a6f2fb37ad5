"""What a source tells of itself, on a broker in memory that goes away and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from checkpoints import Partition, Position
from stream.config.models import Batching, Kafka
from stream.errors import SourceUnavailable
from stream.source.budget import Budget
from stream.source.events import SourceEvent
from stream.source.kafka import KafkaSource
from stream.source.testing.memory import MemoryBroker, MemoryMember, memory_source

pytestmark = pytest.mark.anyio
ORDERS = Partition("orders", 0)


class Weather:
    """Whether the broker answers."""

    fair = True

    def under(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def asked(*args: Any) -> Any:
            if not self.fair:
                raise SourceUnavailable("broker:9092 does not answer")
            return await method(*args)

        return asked


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    weather = Weather()
    for name in ("log_ends", "commit"):
        monkeypatch.setattr(MemoryMember, name, weather.under(getattr(MemoryMember, name)))
    return weather


@pytest.fixture
def events() -> list[SourceEvent]:
    return []


def source_of(events: list[SourceEvent], **kafka: Any) -> KafkaSource:
    broker = MemoryBroker()
    broker.create("orders")
    source = memory_source(broker, Kafka(**kafka), Batching(), Budget(1))
    source.listen(events.append)
    return source


@pytest.fixture
async def source(weather: Weather, events: list[SourceEvent]) -> AsyncIterator[KafkaSource]:
    source = source_of(events, topics=("orders",))
    await source.open()
    async for assignment in source.assignments():
        assignment.release()
        break
    events.clear()
    yield source
    await source.aclose()


async def test_a_broker_that_does_not_answer_is_told_with_each_question_and_once_when_it_is_back(
    source: KafkaSource, weather: Weather, events: list[SourceEvent]
) -> None:
    for fair in (True, False, False, True, True):
        weather.fair = fair
        await source.bounds()
    assert [event.kind for event in events] == ["unanswered", "unanswered", "answered"]
    assert events[0].detail == "broker:9092 does not answer"


async def test_a_question_that_takes_too_long_is_told_in_words(
    source: KafkaSource, events: list[SourceEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(MemoryMember, "log_starts", never)
    await source.bounds()
    assert events[0].detail == "localhost:9092 does not answer within 5 s"


async def test_positions_that_cannot_be_acknowledged_are_told_once_until_one_could(
    source: KafkaSource, weather: Weather, events: list[SourceEvent]
) -> None:
    for fair in (False, False, True, False):
        weather.fair = fair
        await source.acknowledge(Position({ORDERS: 1}))
    assert [event.kind for event in events] == ["unacknowledged", "unacknowledged"]


async def test_a_pattern_that_matches_no_topic_is_told_once(events: list[SourceEvent]) -> None:
    source = source_of(events, pattern="late-.*")
    await source.open()
    async for assignment in source.assignments():
        assignment.release()
        break
    source.assigned(frozenset())  # another rebalance
    await source.aclose()
    assert [event.detail for event in events if event.kind == "waiting"] == ["no topic matches 'late-.*' yet"]
