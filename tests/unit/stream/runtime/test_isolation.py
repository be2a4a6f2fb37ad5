"""A table that cannot take its rows: its topic is paused, the others go on, and it comes back by itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import pytest

from checkpoints import OffsetRange, Partition, Span
from sinks import DataRefused, SinkError, SinkOptions, Transient
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.testing import one_at_a_time
from stream.config.models import Batching, Config, Kafka, Retry
from stream.observe.facts import BatchLoaded, TopicPaused, TopicResumed
from stream.runtime.isolation import BatchBlocked, Isolation, naming_topics
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

pytestmark = pytest.mark.anyio
RETRY = Retry(first_wait_seconds=0.001, max_wait_seconds=0.002, blocked_wait_seconds=0.02)
TOPICS = ("good", "hurt", "well")


class Run:
    """A service over three topics, and tables that cannot take rows for as long as they are in `broken`."""

    def __init__(self, *, until: str | None = None, policy: Retry = RETRY) -> None:
        self.broker, self.warehouse, self.facts = MemoryBroker(), MemoryWarehouse(), []
        for topic in TOPICS:
            self.broker.create(topic)
        self.config = Config(
            kafka=Kafka(topics=TOPICS, until=until), batching=Batching(max_rows=50, max_age_seconds=0.01), retry=policy
        )
        self.broken: dict[str, Exception] = {}
        self.stopping = anyio.Event()
        self.changed = anyio.Event()

    def produce(self, topic: str, *numbers: int) -> None:
        self.broker.produce(Partition(topic, 0), [json.dumps({"n": n}).encode() for n in numbers])

    def sink(self) -> MemorySink:
        sink = one_at_a_time(MemorySink(self.warehouse, SinkOptions("shop", "shop", "me")))
        real = sink.load

        async def load(batch, step):
            for table in batch.tables:
                if table in self.broken:
                    raise self.broken[table]
            return await real(batch, step)

        sink.load = load
        return sink

    def heard(self, fact: object) -> None:
        self.facts.append(fact)
        self.changed.set()
        self.changed = anyio.Event()

    async def serve(self) -> None:
        def open_source(config, budget):
            return memory_source(self.broker, config.kafka, config.batching, budget)

        await serve("shop", self.config, self.sink(), open_source, self.heard, stopping=self.stopping)

    async def until(self, reached: Callable[[], bool]) -> None:
        with anyio.fail_after(20):
            while not reached():
                await self.changed.wait()

    def rows(self, topic: str) -> list[int]:
        return self.warehouse.table(topic)["n"].to_pylist() if topic in self.warehouse.schema.tables else []

    def told(self, kind: type) -> list:
        return [fact for fact in self.facts if isinstance(fact, kind)]


DENIED = SinkError("permission denied for table hurt")
REFUSED = DataRefused("violates check constraint")


@pytest.mark.parametrize("error", [DENIED, REFUSED], ids=["every batch", "every record"])
async def test_a_table_that_cannot_take_rows_pauses_its_topic_alone_until_it_can(error):
    run = Run()
    run.broken["hurt"] = error
    for topic in TOPICS:
        run.produce(topic, *range(300))
    async with anyio.create_task_group() as group:
        group.start_soon(run.serve)
        await run.until(lambda: len(run.told(TopicPaused)) >= 2)  # it was tried again, in vain
        run.produce("good", *range(300, 600))
        await run.until(lambda: len(run.rows("good")) == 600 and len(run.rows("well")) == 300)
        assert run.rows("hurt") == []
        run.broken.clear()
        await run.until(lambda: len(run.rows("hurt")) + len(run.warehouse.rejects) == 300)
        run.stopping.set()
    assert (run.rows("good"), run.rows("well")) == (list(range(600)), list(range(300)))
    assert {fact.topic for fact in run.told(TopicPaused)} == {"hurt"} == {f.topic for f in run.told(TopicResumed)}
    assert len(run.warehouse.rejects) < 100  # before it was clear that the table is to blame, not the records


async def test_every_topic_may_be_paused_and_the_service_lives(anyio_backend):
    run = Run()
    run.broken = dict.fromkeys(TOPICS, DENIED)
    for topic in TOPICS:
        run.produce(topic, 1, 2)
    async with anyio.create_task_group() as group:
        group.start_soon(run.serve)
        await run.until(lambda: {fact.topic for fact in run.told(TopicPaused)} == set(TOPICS))
        assert not run.told(BatchLoaded)
        run.broken.clear()
        await run.until(lambda: all(run.rows(topic) == [1, 2] for topic in TOPICS))
        run.stopping.set()


@pytest.mark.parametrize(
    "run",
    [Run(until="latest"), Run(policy=RETRY.model_copy(update={"blocked_table": "stop"}))],
    ids=["a run with an end", "told to stop"],
)
async def test_a_run_that_is_not_to_wait_stops_with_the_error_of_the_destination(run):
    run.broken["hurt"] = DENIED
    for topic in TOPICS:
        run.produce(topic, 1)
    with anyio.fail_after(20), pytest.raises(SinkError, match="permission denied for table hurt"):
        await run.serve()
    assert not run.told(TopicPaused)


async def test_the_waits_between_tries_double_up_to_their_bound():
    told: list = []
    isolation = Isolation(Retry(blocked_wait_seconds=15), told.append, endless=True, clock=lambda: 0.0)
    for _ in range(3):
        isolation.block(BatchBlocked(frozenset({"hurt"}), DENIED))
    assert [fact.wait_seconds for fact in told] == [5, 10, 15]


async def test_of_a_batch_of_several_topics_each_is_tried_alone_at_once_and_nobody_is_told_yet():
    told: list = []
    isolation = Isolation(RETRY, told.append, endless=True, clock=lambda: 0.0)
    isolation.block(BatchBlocked(frozenset({"good", "hurt"}), DENIED))
    assert (isolation.paused, isolation.next_trial(), told) == ({"good", "hurt"}, "good", [])
    isolation.free("good")
    assert (isolation.next_trial(), told) == ("hurt", [])


async def test_a_topic_that_went_to_another_member_is_forgotten():
    told: list = []
    isolation = Isolation(RETRY, told.append, endless=True, clock=lambda: 0.0)
    isolation.block(BatchBlocked(frozenset({"hurt"}), DENIED))
    isolation.keep({"good"})
    assert (isolation.paused, told[-1]) == (frozenset(), TopicResumed("hurt"))


@pytest.mark.parametrize("error", [Transient("away"), REFUSED])
async def test_an_outage_or_a_refused_value_blocks_no_topic(error):
    with pytest.raises(type(error)), naming_topics([Span(OffsetRange(Partition("hurt", 0), 0, 1), 1)]):
        raise error


async def test_an_error_without_any_record_is_of_the_destination_and_not_of_a_table():
    with (
        pytest.raises(SinkError, match="permission"),
        naming_topics([Span(OffsetRange(Partition("hurt", 0), 0, 9), 0)]),
    ):
        raise DENIED
