"""`SourceContract`: the suite that every source passes, the real one and its twin in memory.

A subclass gives the fixture `bench`: a broker with one topic of two partitions that nobody else uses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import Any, Protocol

import anyio
import pytest

from checkpoints import Known, OffsetRange, Partition, Position
from stream.config.models import Batching
from stream.errors import SourceGap, UnknownTopic
from stream.model import RawBatch
from stream.source.budget import Budget
from stream.source.contract import Assignment, Source

QUICK = Batching(max_age_seconds=0.05)
ROOMY = 1 << 30


class Bench(Protocol):
    """A broker with one topic of two partitions, and sources that read it, all in one group."""

    topic: str

    def source(
        self, *, batching: Batching = QUICK, budget: Budget | None = None, wants_headers: bool = False, **kafka: Any
    ) -> Source:
        """Return a source that is not open; `kafka` overrides its settings."""
        ...

    async def produce(
        self, number: int, values: Sequence[bytes | None], *, keys: Sequence[bytes | None] | None = None
    ) -> None:
        """Append records with the header `origin: test`."""
        ...

    async def leave_hole(self, number: int) -> None:
        """Append offsets without records, at least one."""
        ...

    async def end(self, number: int) -> int:
        """Return the offset after the last one of a partition, holes included."""
        ...

    async def trim(self, number: int, before: int) -> None:
        """Delete the records before an offset, as retention does."""
        ...

    async def grow(self) -> None:
        """Give the topic a third partition."""
        ...

    async def recreate(self) -> None:
        """Delete the topic and make it again, empty, with two partitions."""
        ...

    async def rebalance(self) -> None:
        """Make the group take all partitions back; return when they are assigned again."""
        ...


@asynccontextmanager
async def assigned(source: Source) -> AsyncIterator[Assignment]:
    """Open a source, give its first assignment, and close the source."""
    try:
        await source.open()
        async for assignment in source.assignments():
            yield assignment
            assignment.release()
            break
    finally:
        await source.aclose()


async def drained(source: Source, known: Known | None = None) -> list[RawBatch]:
    """Return everything a bounded source gives."""
    batches: list[RawBatch] = []
    try:
        await source.open()
        async for assignment in source.assignments():
            known = known or Known()
            start = await assignment.starts(known) | known.position
            batches += [batch async for batch in assignment.batches(start)]
            assignment.release()
    finally:
        await source.aclose()
    return batches


async def some(assignment: Assignment, start: Position, rows: int) -> list[RawBatch]:
    """Return batches from `start` on until they hold at least `rows` records."""
    taken: list[RawBatch] = []
    async with aclosing(assignment.batches(start)) as batches:
        async for batch in batches:
            taken.append(batch)
            if sum(map(len, taken)) >= rows:
                break
    return taken


def values(batches: Sequence[RawBatch], number: int) -> list[bytes | None]:
    """Return the values of one partition in the order they came."""
    return [
        v for batch in batches for part in batch.parts if part.range.partition.number == number for v in part.values
    ]


def ranges(batches: Sequence[RawBatch], number: int) -> list[OffsetRange]:
    """Return the ranges of one partition in the order they came."""
    return [range for batch in batches for range in batch.ranges if range.partition.number == number]


@pytest.mark.anyio
class SourceContract:
    """What every source promises, as tests."""

    @pytest.fixture
    def bench(self) -> Bench:
        """A broker of one's own; a subclass gives it."""
        raise NotImplementedError("a subclass of SourceContract gives the fixture `bench`")

    async def test_every_record_comes_once_and_in_order(self, bench: Bench) -> None:
        wanted = {number: [b"%d:%d" % (number, i) for i in range(500)] for number in (0, 1)}
        for number, produced in wanted.items():
            await bench.produce(number, produced)
        batches = await drained(bench.source(until="latest", batching=Batching(max_rows=77)))
        assert {number: values(batches, number) for number in (0, 1)} == wanted

    async def test_ranges_follow_each_other_without_a_gap(self, bench: Bench) -> None:
        for _ in range(3):
            await bench.produce(0, [b"x"] * 20)
            await bench.leave_hole(0)
        found = ranges(await drained(bench.source(until="latest", batching=Batching(max_rows=7))), 0)
        assert found[0].start == 0
        assert all(before.stop == after.start for before, after in pairwise(found))

    async def test_a_hole_at_the_end_moves_the_position(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"])
        await bench.leave_hole(0)
        found = ranges(await drained(bench.source(until="latest")), 0)
        assert found[-1].stop == await bench.end(0)

    async def test_an_offset_belongs_to_its_record(self, bench: Bench) -> None:
        await bench.produce(0, [b"a"])
        await bench.leave_hole(0)
        there = await bench.end(0)
        await bench.produce(0, [b"b"])
        parts = [part for batch in await drained(bench.source(until="latest")) for part in batch.parts]
        assert [pair for part in parts for pair in zip(part.offsets, part.values, strict=True)] == [
            (0, b"a"),
            (there, b"b"),
        ]

    async def test_reading_begins_where_the_caller_says(self, bench: Bench) -> None:
        await bench.produce(0, [b"%d" % i for i in range(10)])
        async with assigned(bench.source()) as assignment:
            start = Position(dict.fromkeys(assignment.partitions, 0))
            batches = await some(assignment, start | Position({Partition(bench.topic, 0): 6}), 4)
        assert values(batches, 0) == [b"6", b"7", b"8", b"9"]

    async def test_one_assignment_can_be_read_again(self, bench: Bench) -> None:
        await bench.produce(0, [b"%d" % i for i in range(10)])
        async with assigned(bench.source(batching=Batching(max_rows=3))) as assignment:
            start = await assignment.starts(Known())
            await some(assignment, start, 4)
            assert values(await some(assignment, start, 10), 0) == [b"%d" % i for i in range(10)]

    async def test_tombstones_and_missing_keys_stay_what_they_are(self, bench: Bench) -> None:
        await bench.produce(0, [None, b"", b"x"], keys=[b"k", None, b""])
        [part] = [s for batch in await drained(bench.source(until="latest")) for s in batch.parts if len(s)]
        assert (list(part.keys), list(part.values)) == ([b"k", None, b""], [None, b"", b"x"])

    async def test_headers_come_when_they_are_asked_for(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"])
        batches = await drained(bench.source(until="latest", wants_headers=True))
        assert [list(s.headers) for b in batches for s in b.parts if len(s)] == [[(("origin", b"test"),)]]

    async def test_a_batch_has_one_slab_a_partition(self, bench: Bench) -> None:
        for _ in range(5):
            await bench.produce(0, [b"x"] * 10)
        batches = await drained(bench.source(until="latest", batching=Batching(max_age_seconds=0.5)))
        assert all(len({r.partition for r in batch.ranges}) == len(batch.parts) for batch in batches)

    async def test_no_batch_is_larger_than_the_bounds(self, bench: Bench) -> None:
        await bench.produce(0, [b"x" * size for size in (10, 90, 30, 500, 30, 70)])
        batches = await drained(bench.source(until="latest", batching=Batching(max_bytes=100)))
        assert [batch.nbytes for batch in batches] == [100, 30, 500, 100]

    async def test_a_batch_takes_its_bytes_from_the_budget(self, bench: Bench) -> None:
        budget = Budget(10)
        await bench.produce(0, [b"12345678"] * 3)
        used: list[int] = []
        source = bench.source(budget=budget, batching=Batching(max_rows=1))
        async with assigned(source) as assignment:
            start = await assignment.starts(Known())
            async with aclosing(assignment.batches(start)) as batches:
                while len(used) < 3:
                    batch = await anext(batches)
                    used.append(budget.used_bytes)
                    budget.give_back(batch.nbytes)
        assert used == [8, 8, 8]

    async def test_a_full_budget_holds_the_next_batch_back_until_bytes_return(self, bench: Bench) -> None:
        budget = Budget(10)
        budget.take(9)
        await bench.produce(0, [b"12345678"])
        async with assigned(bench.source(budget=budget)) as assignment, anyio.create_task_group() as tasks:

            async def read() -> None:
                await some(assignment, await assignment.starts(Known()), 1)
                assert budget.used_bytes == 8

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            budget.give_back(9)

    async def test_stopping_ends_batches_and_assignments(self, bench: Bench) -> None:
        source = bench.source()
        seen = 0
        await source.open()
        async for assignment in source.assignments():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_stop_when_blocked, source)
                seen += len([batch async for batch in assignment.batches(await assignment.starts(Known()))])
            assert assignment.ended
            assert not assignment.lost
            assignment.release()
        await source.aclose()
        assert seen == 0

    async def test_closing_is_safe_to_repeat(self, bench: Bench) -> None:
        source = bench.source()
        await source.open()
        await source.aclose()
        await source.aclose()

    async def test_a_topic_never_seen_starts_where_the_configuration_says(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"] * 5)
        async with assigned(bench.source(start="latest")) as assignment:
            starts = await assignment.starts(Known())
        assert dict(starts.next) == {Partition(bench.topic, 0): 5, Partition(bench.topic, 1): 0}

    async def test_a_new_partition_of_a_known_topic_starts_at_its_beginning(self, bench: Bench) -> None:
        await bench.grow()
        await bench.produce(2, [b"x"] * 5)
        known = Known(Position({Partition(bench.topic, 0): 0, Partition(bench.topic, 1): 0}))
        async with assigned(bench.source(start="latest")) as assignment:
            starts = await assignment.starts(known)
        assert dict(starts.next) == {Partition(bench.topic, 2): 0}

    async def test_offsets_that_retention_took_stop_the_run_with_their_range(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"] * 10)
        await bench.trim(0, 6)
        known = Known(Position({Partition(bench.topic, 0): 2, Partition(bench.topic, 1): 0}))
        async with assigned(bench.source()) as assignment:
            with pytest.raises(SourceGap, match=r"2\.\.6 \(retention\).*accept_loss"):
                await assignment.starts(known)

    async def test_an_accepted_gap_is_told_and_reading_goes_on_after_it(self, bench: Bench) -> None:
        await bench.produce(0, [b"%d" % i for i in range(10)])
        await bench.trim(0, 6)
        partition = Partition(bench.topic, 0)
        known = Known(Position({partition: 2, Partition(bench.topic, 1): 0}))
        async with assigned(bench.source(accept_loss=True)) as assignment:
            await assignment.starts(known)
            [gap] = assignment.gaps
            batches = await some(assignment, known.position.advanced_by([gap.range]), 4)
        assert gap.range == OffsetRange(partition, 2, 6)
        assert values(batches, 0) == [b"6", b"7", b"8", b"9"]

    async def test_retention_that_overtakes_a_reader_stops_the_run(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"] * 10)
        async with assigned(bench.source()) as assignment:
            await bench.trim(0, 6)
            start = Position({Partition(bench.topic, 0): 2, Partition(bench.topic, 1): 0})
            with pytest.raises(SourceGap, match=r"2\.\.6 \(retention\)"):
                await some(assignment, start, 1)

    async def test_retention_that_overtakes_a_reader_begins_a_new_assignment_when_loss_is_accepted(
        self, bench: Bench
    ) -> None:
        await bench.produce(0, [b"x"] * 10)
        source = bench.source(accept_loss=True)
        start = Position({Partition(bench.topic, 0): 2, Partition(bench.topic, 1): 0})
        told = []
        await source.open()
        async for assignment in source.assignments():
            await assignment.starts(Known(start))
            told.append([gap.range.stop for gap in assignment.gaps])
            await bench.trim(0, 6)
            if len(told) == 2:
                break
            assert await some(assignment, start, 1) == []
            assignment.release()
        await source.aclose()
        assert told == [[], [6]]

    async def test_a_recreated_topic_is_refused_even_when_it_has_grown_past_the_position(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"] * 3)
        async with assigned(bench.source()) as assignment:
            origins = await assignment.origins()
        await bench.recreate()
        await bench.produce(0, [b"y"] * 10)
        known = Known(Position({Partition(bench.topic, 0): 3}), origins)
        async with assigned(bench.source(accept_loss=True)) as assignment:
            with pytest.raises(SourceGap, match=r"0\.\.3 \(recreated\).*new pipeline"):
                await assignment.starts(known)

    async def test_a_position_past_the_end_of_the_log_is_refused(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"] * 3)
        known = Known(Position({Partition(bench.topic, 0): 8, Partition(bench.topic, 1): 0}))
        async with assigned(bench.source(accept_loss=True)) as assignment:
            with pytest.raises(SourceGap, match=r"3\.\.8 \(truncation\)"):
                await assignment.starts(known)

    async def test_a_rebalance_ends_the_batches_and_waits_for_the_release(self, bench: Bench) -> None:
        source = bench.source()
        await source.open()
        rounds: list[list[RawBatch]] = []
        dealt_out = anyio.Event()

        async def rebalance() -> None:
            await bench.rebalance()
            dealt_out.set()

        async with anyio.create_task_group() as tasks:
            async for assignment in source.assignments():
                if rounds:
                    break
                tasks.start_soon(rebalance)
                rounds.append([batch async for batch in assignment.batches(await assignment.starts(Known()))])
                assert assignment.ended
                assert not assignment.lost
                await anyio.wait_all_tasks_blocked()
                assert not dealt_out.is_set()
                assignment.release()
        assert not assignment.ended
        await source.aclose()

    async def test_an_unknown_topic_is_told_with_names_that_come_near(self, bench: Bench) -> None:
        with pytest.raises(UnknownTopic, match=f"did you mean '{bench.topic}'"):
            await bench.source(topics=(bench.topic + "x",)).open()

    async def test_bounds_tell_what_the_logs_hold(self, bench: Bench) -> None:
        await bench.produce(0, [b"x"] * 5)
        await bench.trim(0, 2)
        source = bench.source()
        async with assigned(source):
            bounds = await source.bounds()
        assert {p.number: (b.start, b.end) for p, b in bounds.items()} == {0: (2, 5), 1: (0, 0)}

    async def test_acknowledging_what_is_not_ours_never_raises(self, bench: Bench) -> None:
        source = bench.source()
        async with assigned(source):
            await source.acknowledge(Position({Partition("elsewhere", 7): 1}))

    async def test_an_assignment_counts_the_partitions_of_its_topics(self, bench: Bench) -> None:
        async with assigned(bench.source()) as assignment:
            assert assignment.topic_partitions == {bench.topic: 2}


async def _stop_when_blocked(source: Source) -> None:
    await anyio.wait_all_tasks_blocked()
    source.stop()
