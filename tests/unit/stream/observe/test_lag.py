"""A transaction that stays open holds records back, and shows, although there is no lag."""

from __future__ import annotations

from checkpoints import Partition, Position
from stream.observe.facts import Assigned, Claimed, LagSeen, LogBounds
from stream.observe.lag import Standing, Standings, follow

ORDERS = Partition("orders", 0)


def seen(*looks: tuple[float, LogBounds]) -> Standing:
    """Return where the partition stands at offset 100 after the broker was asked at these times."""
    standings: Standings = follow({}, Assigned(frozenset({ORDERS}), {"orders": 1}), 0.0)
    standings = follow(standings, Claimed(Position({ORDERS: 100}), 1), 0.0)
    for now, bounds in looks:
        standings = follow(standings, LagSeen({ORDERS: bounds}), now)
    return standings[ORDERS]


def test_an_open_transaction_holds_back_since_it_was_first_seen() -> None:
    standing = seen((10.0, LogBounds(0, 100, 103)), (25.0, LogBounds(0, 100, 150)))
    assert (standing.lag, standing.held, standing.held_at, standing.held_seconds(40.0)) == (0, 50, 10.0, 30.0)


def test_a_log_whose_end_moves_on_is_held_back_by_another_transaction() -> None:
    assert seen((10.0, LogBounds(0, 100, 103)), (25.0, LogBounds(0, 104, 110))).held_at == 25.0


def test_nothing_is_held_back_where_all_that_is_written_is_delivered() -> None:
    standing = seen((10.0, LogBounds(0, 100, 103)), (25.0, LogBounds(0, 104, 104)))
    assert (standing.held, standing.held_at, standing.held_seconds(40.0)) == (0, None, 0.0)
