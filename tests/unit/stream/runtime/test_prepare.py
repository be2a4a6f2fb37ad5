"""The step that a batch takes begins where the destination stands."""

from __future__ import annotations

import pytest

from checkpoints import OffsetRange, Partition, Position, Span
from stream.model import PartitionRecords, RawBatch
from stream.model.times import LAST_MS
from stream.runtime.prepare import age_of, next_step

ORDERS_0, ORDERS_1 = Partition("orders", 0), Partition("orders", 1)
HERE = Position({ORDERS_0: 5, ORDERS_1: 7})


def spans(*ranges: OffsetRange) -> tuple[Span, ...]:
    return tuple(Span(range, range.stop - range.start) for range in ranges)


def test_a_step_leads_over_its_spans_and_leaves_other_partitions_alone() -> None:
    step = next_step("shop", "load-1", 3, HERE, spans(OffsetRange(ORDERS_0, 5, 9)))
    assert (dict(step.since.next), dict(step.upto.next)) == ({ORDERS_0: 5}, {ORDERS_0: 9})


@pytest.mark.parametrize("start", [4, 6], ids=["repeated", "skipped"])
def test_offsets_that_are_repeated_or_skipped_stop_the_run(start: int) -> None:
    with pytest.raises(RuntimeError, match=rf"went on at offset {start}, but the destination stands at 5"):
        next_step("shop", "load-1", 3, HERE, spans(OffsetRange(ORDERS_1, 7, 8), OffsetRange(ORDERS_0, start, 9)))


def test_a_partition_that_was_not_claimed_stops_the_run() -> None:
    with pytest.raises(RuntimeError, match="the destination stands at None"):
        next_step("shop", "load-1", 3, HERE, spans(OffsetRange(Partition("orders", 2), 0, 1)))


@pytest.mark.parametrize(
    ("timestamps", "newest", "oldest"),
    [
        ([1_000, 3_000, 2_000], 3.0, 1.0),
        ([1_000, LAST_MS + 1, 2**63 - 1], 1.0, 1.0),
        ([-1, -(2**63), 5_000], 5.0, 5.0),
        ([-1, 2**62], None, None),
        ([], None, None),
    ],
)
def test_only_timestamps_of_some_calendar_tell_the_age_of_a_batch(
    timestamps: list[int], newest: float | None, oldest: float | None
) -> None:
    nothing = [None] * len(timestamps)
    part = PartitionRecords(OffsetRange(ORDERS_0, 0, 9), range(len(timestamps)), timestamps, nothing, nothing)
    age = age_of(RawBatch((part,)))
    assert (age.newest.get(ORDERS_0), age.oldest) == (newest, oldest)
