"""The step that a batch takes begins where the destination stands."""

from __future__ import annotations

import pytest

from checkpoints import OffsetRange, Partition, Position, Span
from stream.runtime.prepare import next_step

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
