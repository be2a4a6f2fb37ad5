"""Batches end at a bound: rows, bytes, age."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints import OffsetRange, Partition
from stream.config.models import Batching
from stream.model import PartitionRecords
from stream.source.batching import BatchBuilder

ORDERS = Partition("orders", 0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def part(values: Sequence[bytes], start: int = 0, stop: int | None = None) -> PartitionRecords:
    offsets = range(start, start + len(values))
    reach = OffsetRange(ORDERS, start, offsets.stop if stop is None else stop)
    return PartitionRecords(reach, offsets, [0] * len(values), [None] * len(values), values)


def test_a_draft_without_anything_is_never_due() -> None:
    clock = Clock()
    draft = BatchBuilder(Batching(max_age_seconds=1), clock)
    clock.now = 100.0
    assert draft.due is None


def test_age_counts_from_the_first_record() -> None:
    clock = Clock()
    draft = BatchBuilder(Batching(max_age_seconds=1), clock)
    clock.now = 10.0
    draft.add(part([b"x"]))
    clock.now = 10.75
    draft.add(part([b"y"], 1))
    assert (draft.due, draft.patience) == (None, 0.25)
    clock.now = 11.0
    assert draft.due == "age"


def test_a_hole_alone_ages_too() -> None:
    clock = Clock()
    draft = BatchBuilder(Batching(max_age_seconds=1), clock)
    draft.add(part([], 5, 9))
    clock.now = 1.0
    assert draft.due == "age"
    assert draft.finish("age").ranges == (OffsetRange(ORDERS, 5, 9),)


def test_rows_past_the_bound_are_handed_back() -> None:
    draft = BatchBuilder(Batching(max_rows=2), Clock())
    rest = draft.add(part([b"a", b"b", b"c"], stop=9))
    assert draft.due == "rows"
    assert draft.finish("rows").ranges == (OffsetRange(ORDERS, 0, 2),)
    assert rest is not None
    assert (rest.range, list(rest.values)) == (OffsetRange(ORDERS, 2, 9), [b"c"])


def test_a_draft_that_hands_back_is_due_though_it_has_room_for_smaller_records() -> None:
    draft = BatchBuilder(Batching(max_bytes=10), Clock())
    assert draft.add(part([b"12345678", b"1234"])) is not None
    assert (draft.due, draft.nbytes) == ("bytes", 8)


def test_a_record_larger_than_the_bound_makes_a_batch_of_its_own() -> None:
    draft = BatchBuilder(Batching(max_bytes=10), Clock())
    rest = draft.add(part([b"x" * 50, b"y"]))
    assert rest is not None
    assert (draft.due, draft.nbytes, list(rest.values)) == ("bytes", 50, [b"y"])


def test_slabs_of_one_partition_become_one() -> None:
    draft = BatchBuilder(Batching(), Clock())
    draft.add(part([b"a"], 0, 3))
    draft.add(part([b"b"], 3, 7))
    [joined] = draft.finish("age").parts
    assert (joined.range, list(joined.offsets), list(joined.values)) == (
        OffsetRange(ORDERS, 0, 7),
        [0, 3],
        [b"a", b"b"],
    )
