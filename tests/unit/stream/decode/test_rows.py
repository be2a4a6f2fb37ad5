"""What identifies the records of a batch, as columns."""

from __future__ import annotations

from checkpoints import OffsetRange, Partition
from stream.decode.rows import Rows
from stream.model import PartitionRecords


def _part(number: int, *offsets: int) -> PartitionRecords:
    count = len(offsets)
    taken = OffsetRange(Partition("orders", number), offsets[0], offsets[-1] + 1)
    return PartitionRecords(taken, offsets, [1_000] * count, [b"key"] * count, [b"{}"] * count)


def test_each_record_has_the_partition_and_the_offset_that_it_came_from() -> None:
    keys = Rows([_part(3, 7, 9), _part(5, 2)]).keys(())
    assert keys.select(["_kafka_partition", "_kafka_offset"]).to_pydict() == {
        "_kafka_partition": [3, 3, 5],
        "_kafka_offset": [7, 9, 2],
    }


def test_no_records_have_the_columns_of_some() -> None:
    wanted = ("topic", "key", "headers")
    assert Rows([]).keys(wanted).schema == Rows([_part(0, 1)]).keys(wanted).schema
