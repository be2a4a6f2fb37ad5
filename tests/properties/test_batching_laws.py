"""However records arrive and wherever batches are cut: everything comes once, in order, under contiguous ranges."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from checkpoints import OffsetRange, Partition
from stream.config.models import Batching
from stream.model import PartitionRecords, RawBatch
from stream.source.batching import BatchBuilder

ORDERS = Partition("orders", 0)
logs = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=12)), max_size=60)  # (hole before it, value)
polls = st.lists(st.integers(1, 9), min_size=1, max_size=20)
bounds = st.builds(Batching, max_rows=st.integers(1, 8), max_bytes=st.integers(1, 40))


def arrivals(log: list[tuple[int, bytes]], polls: list[int]) -> list[PartitionRecords]:
    """Return the log as parts, cut as a poll would: each range runs to the next record, or past the last."""
    offsets, at = [], 0
    for hole, _ in log:
        at += hole
        offsets.append(at)
        at += 1
    parts, first, start = [], 0, 0
    for index in range(len(log) + 1):
        size = polls[index % len(polls)]
        last = min(first + size, len(log))
        stop = offsets[last - 1] + 1 if last else 0
        if stop > start:
            values = [value for _, value in log[first:last]]
            many = last - first
            parts.append(
                PartitionRecords(
                    OffsetRange(ORDERS, start, stop), offsets[first:last], [0] * many, [None] * many, values
                )
            )
        first, start = last, max(start, stop)
    return parts


def batched(parts: list[PartitionRecords], bounds: Batching) -> list[RawBatch]:
    batches: list[RawBatch] = []
    waiting = list(parts)
    while waiting:
        draft = BatchBuilder(bounds, lambda: 0.0)
        while waiting and draft.due is None:
            rest = draft.add(waiting.pop(0))
            waiting = [rest, *waiting] if rest is not None else waiting
        batches.append(draft.finish("rows"))
    return batches


@given(logs, polls, bounds)
def test_everything_comes_once_and_in_order(log: list[tuple[int, bytes]], polls: list[int], bounds: Batching) -> None:
    batches = batched(arrivals(log, polls), bounds)
    assert [value for batch in batches for part in batch.parts for value in part.values] == [v for _, v in log]


@given(logs, polls, bounds)
def test_ranges_are_contiguous_and_hold_their_records(
    log: list[tuple[int, bytes]], polls: list[int], bounds: Batching
) -> None:
    parts = [part for batch in batched(arrivals(log, polls), bounds) for part in batch.parts]
    assert all(before.range.stop == after.range.start for before, after in pairwise(parts))
    assert all(part.range.start <= offset < part.range.stop for part in parts for offset in part.offsets)


@given(logs, polls, bounds)
def test_no_batch_passes_a_bound_but_by_one_huge_record(
    log: list[tuple[int, bytes]], polls: list[int], bounds: Batching
) -> None:
    for batch in batched(arrivals(log, polls), bounds):
        assert len(batch) <= bounds.max_rows
        assert batch.nbytes <= bounds.max_bytes or len(batch) == 1
        assert batch.nbytes == sum(part.nbytes for part in batch.parts)
