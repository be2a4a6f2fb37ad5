"""What an advance costs."""

import pytest

from checkpoints import OffsetRange, Partition, Position


def test_an_advance_over_many_partitions_makes_one_position(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Position] = []
    make = Position.__post_init__

    def counted(position: Position) -> None:
        made.append(position)
        make(position)

    here = Position({Partition("orders", number): 0 for number in range(100)})
    monkeypatch.setattr(Position, "__post_init__", counted)
    there = here.advanced_by([OffsetRange(partition, 0, 5) for partition in here.next])
    assert made == [there]
