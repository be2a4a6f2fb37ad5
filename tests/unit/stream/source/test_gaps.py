"""What is lost, to the offset, and what may be accepted."""

from __future__ import annotations

from checkpoints import OffsetRange, Partition, Position
from stream.source.contract import Gap
from stream.source.gaps import acceptable, describe, recreation_gaps, retention_gaps, truncation_gaps

ORDERS = Partition("orders", 0)


def at(offset: int) -> Position:
    return Position({ORDERS: offset})


def test_a_log_that_begins_past_the_position_lost_what_is_between() -> None:
    assert retention_gaps(at(3), {ORDERS: 7}) == (Gap("retention", OffsetRange(ORDERS, 3, 7)),)


def test_a_position_at_the_start_or_inside_of_the_log_lost_nothing() -> None:
    assert retention_gaps(at(7), {ORDERS: 7}) == retention_gaps(at(9), {ORDERS: 7}) == ()


def test_a_log_that_ends_before_the_position_was_truncated() -> None:
    assert truncation_gaps(at(9), {ORDERS: 7}) == (Gap("truncation", OffsetRange(ORDERS, 7, 9)),)
    assert truncation_gaps(at(7), {ORDERS: 7}) == ()


def test_a_recreated_topic_would_skip_what_it_holds_below_the_position() -> None:
    gaps = recreation_gaps(at(5), {"orders"}, {ORDERS: 0}, {ORDERS: 9})
    assert gaps == (Gap("recreated", OffsetRange(ORDERS, 0, 5)),)


def test_a_recreated_topic_that_is_still_short_would_skip_all_of_it() -> None:
    assert recreation_gaps(at(5), {"orders"}, {ORDERS: 1}, {ORDERS: 2})[0].range == OffsetRange(ORDERS, 1, 2)


def test_only_forward_gaps_can_be_accepted() -> None:
    kinds = ("retention", "truncation", "recreated")
    assert [acceptable(Gap(kind, OffsetRange(ORDERS, 0, 1))) for kind in kinds] == [True, False, False]


def test_a_complaint_names_ranges_and_the_way_out() -> None:
    lost = describe([Gap("retention", OffsetRange(ORDERS, 3, 7))], accept_loss=False)
    other = describe([Gap("recreated", OffsetRange(ORDERS, 0, 5))], accept_loss=True)
    assert "orders[0] offsets 3..7 (retention)" in lost
    assert "accept_loss" in lost
    assert "accept_loss cannot help" in other
