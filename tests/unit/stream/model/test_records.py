"""What a raw batch promises when it is cut."""

import pytest

from checkpoints import OffsetRange, Partition, Position
from stream.model import PartitionRecords, RawBatch

LEFT, RIGHT = Partition("orders", 0), Partition("orders", 1)


def part(partition, start, stop, offsets):
    return PartitionRecords(
        OffsetRange(partition, start, stop), offsets, [0] * len(offsets), [None] * len(offsets),
        [f"{offset}".encode() for offset in offsets],
    )  # fmt: skip


def test_what_is_durable_is_dropped_by_offset_even_inside_a_slab_with_holes():
    batch = RawBatch((part(LEFT, 10, 20, [10, 13, 17]),), 100)
    fresh = batch.after(Position({LEFT: 13}))
    assert fresh.parts[0] == part(LEFT, 13, 20, [13, 17])


def test_a_slab_that_is_wholly_durable_is_dropped():
    assert RawBatch((part(LEFT, 10, 20, [10]),)).after(Position({LEFT: 20})).parts == ()


def test_a_partition_that_the_position_does_not_know_is_left_whole():
    batch = RawBatch((part(LEFT, 10, 20, [10]),))
    assert batch.after(Position({RIGHT: 99})) == batch


def test_halves_keep_every_record_and_every_offset_of_the_ranges():
    batch = RawBatch((part(LEFT, 0, 10, [0, 1, 2]), part(RIGHT, 5, 9, [5, 8])), 11)
    left, right = batch.halves()
    assert [len(left), len(right)] == [2, 3]
    assert left.nbytes + right.nbytes == 11
    assert left.parts == (part(LEFT, 0, 2, [0, 1]),)
    assert right.parts == (part(LEFT, 2, 10, [2]), part(RIGHT, 5, 9, [5, 8]))


def test_one_record_has_no_halves():
    with pytest.raises(ValueError, match="no halves"):
        RawBatch((part(LEFT, 0, 5, [3]),)).halves()


def test_records_are_chosen_by_partition_and_offset_and_ranges_stay():
    batch = RawBatch((part(LEFT, 0, 10, [0, 1, 2]),))
    assert batch.only({(LEFT, 1)}).parts == (part(LEFT, 0, 10, [1]),)
    assert batch.without({(LEFT, 1)}).parts == (part(LEFT, 0, 10, [0, 2]),)
