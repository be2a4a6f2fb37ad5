"""The source over a broker in memory passes the suite that Kafka passes."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from typing import Any

import anyio
import pytest

from checkpoints import Known, Partition
from stream.config.models import Batching, Kafka
from stream.errors import SourceGap
from stream.source.budget import Budget
from stream.source.contract import Source
from stream.source.member import Polled
from stream.source.poller import Poller
from stream.source.testing.memory import MemoryBroker, MemoryMember, memory_source
from stream.source.testing.suite import QUICK, ROOMY, SourceContract, assigned, some

SLOW = Batching(max_age_seconds=60)


class MemoryBench:
    topic = "orders"

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.broker.create(self.topic, 2)

    def source(
        self, *, batching: Batching = QUICK, budget: Budget | None = None, wants_headers: bool = False, **kafka: Any
    ) -> Source:
        settings = Kafka(**{"topics": (self.topic,), **kafka})
        return memory_source(self.broker, settings, batching, budget or Budget(ROOMY), wants_headers=wants_headers)

    async def produce(
        self, number: int, values: Sequence[bytes | None], *, keys: Sequence[bytes | None] | None = None
    ) -> None:
        self.broker.produce(Partition(self.topic, number), values, keys=keys, headers=(("origin", b"test"),))

    async def leave_hole(self, number: int) -> None:
        self.broker.skip(Partition(self.topic, number), 3)

    async def end(self, number: int) -> int:
        return self.broker.logs[Partition(self.topic, number)].end

    async def trim(self, number: int, before: int) -> None:
        self.broker.trim(Partition(self.topic, number), before)

    async def grow(self) -> None:
        self.broker.create(self.topic, 3)

    async def recreate(self) -> None:
        self.broker.recreate(self.topic)

    async def rebalance(self) -> None:
        await self.broker.rebalance()


class TestMemorySource(SourceContract):
    @pytest.fixture
    def bench(self) -> MemoryBench:
        return MemoryBench()

    async def test_partitions_that_nobody_took_up_are_given_back_at_once(self, bench: MemoryBench) -> None:
        async with assigned(bench.source()) as first:
            first.release()
            await bench.rebalance()  # brings another assignment, which nobody asks for
            with anyio.fail_after(5):
                await bench.rebalance()

    async def test_a_topic_that_is_recreated_under_our_reading_is_refused(
        self, bench: MemoryBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stream.source.assignment.ORIGIN_SECONDS", 0.0)
        await bench.produce(0, [b"x"] * 3)
        async with assigned(bench.source()) as assignment:
            batches = assignment.batches(await assignment.starts(Known()))
            await anext(batches)
            await bench.recreate()
            await bench.produce(0, [b"y"] * 10)
            with pytest.raises(SourceGap, match=r"0\.\.3 \(recreated\)"):
                await anext(batches)

    async def test_nothing_is_polled_for_partitions_that_were_taken_while_a_question_was_out(
        self, bench: MemoryBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Such a poll would wait for the end of the rebalance, which waits for the release of these partitions."""
        monkeypatch.setattr("stream.source.assignment.ORIGIN_SECONDS", 0.0)
        await bench.produce(0, [b"x"] * 3)
        async with assigned(bench.source(batching=SLOW)) as assignment, anyio.create_task_group() as tasks:
            batches = assignment.batches(await assignment.starts(Known()))
            origins = MemoryMember.origins

            async def taken_meanwhile(member: MemoryMember, topics: Set[str]) -> dict[str, str]:
                if not assignment.ended:
                    tasks.start_soon(bench.rebalance)
                    while not assignment.ended:
                        await anyio.sleep(0)
                    bench.broker.polls = 0
                return await origins(member, topics)

            monkeypatch.setattr(MemoryMember, "origins", taken_meanwhile)
            with anyio.fail_after(10), pytest.raises(StopAsyncIteration):
                await anext(batches)
            assert bench.broker.polls == 0
            assignment.release()

    async def test_a_poll_in_the_middle_of_a_rebalance_ends(
        self, bench: MemoryBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stream.source.poller.GRACE_SECONDS", 0.0)
        async with assigned(bench.source()) as assignment, anyio.create_task_group() as tasks:
            member, *_ = bench.broker.members
            tasks.start_soon(bench.rebalance)
            while not assignment.ended:
                await anyio.sleep(0)
            with anyio.fail_after(10):
                assert await Poller(member, 300, time.monotonic).poll(0.01) == {}
            assignment.release()

    async def test_a_poll_asks_for_no_more_records_than_weigh_what_a_batch_may(
        self, bench: MemoryBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await bench.produce(0, [b"x" * 1_000] * 2_000)
        asked: list[int] = []
        poll = Poller.poll

        async def listening(poller: Poller, seconds: float, max_records: int = 0) -> Polled:
            asked.append(max_records)
            return await poll(poller, seconds, max_records)

        monkeypatch.setattr(Poller, "poll", listening)
        batching = Batching(max_bytes=50_000, max_age_seconds=60)
        async with assigned(bench.source(batching=batching)) as assignment:
            asked.clear()
            await some(assignment, await assignment.starts(Known()), 200)
        assert max(asked) <= 50 + 250
