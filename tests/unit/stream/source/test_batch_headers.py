"""Offsets from the headers of batches, as brokers send them."""

from __future__ import annotations

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from stream.source.batch_headers import HeadersCannotTell, delivered_runs

COUNT_AT = 57  # in the header of a batch


def batch(base: int, records: int, *, producer: int = -1, transactional: bool = False, control: bool = False) -> bytes:
    """Return a batch as a producer of that id makes it."""
    builder = DefaultRecordBatchBuilder(2, 0, int(transactional), producer, 0, 0, 1_000_000)
    for offset in range(records):
        builder.append(offset, timestamp=None, key=None, value=b"x", headers=[])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    if control:
        (attributes,) = struct.unpack_from(">h", data, 21)
        struct.pack_into(">h", data, 21, attributes | 1 << 5)
    return bytes(data)


def test_batches_are_runs_of_offsets() -> None:
    assert delivered_runs(batch(0, 5) + batch(5, 3), (), 0) == ([range(5), range(5, 8)], 8)


def test_a_fetch_may_begin_within_a_batch_and_end_within_one() -> None:
    data = batch(0, 5) + batch(5, 3)
    assert delivered_runs(data[:-1], (), 2) == ([range(2, 5)], 5)


def test_aborted_transactions_and_markers_are_holes() -> None:
    ours = {"producer": 7, "transactional": True}
    data = (
        batch(0, 2, **ours)
        + batch(2, 1, **ours, control=True)
        + batch(3, 2, **ours)
        + batch(5, 2, producer=8, transactional=True)
        + batch(7, 1, **ours, control=True)
        + batch(8, 2, **ours)
    )
    runs, there = delivered_runs(data, [(7, 3)], 0)
    assert (runs, there) == ([range(2), range(5, 7), range(8, 10)], 10)


def test_a_batch_that_lost_records_to_compaction_cannot_be_told() -> None:
    data = bytearray(batch(0, 5))
    struct.pack_into(">i", data, COUNT_AT, 3)
    with pytest.raises(HeadersCannotTell, match="holds 3 of 5"):
        delivered_runs(data, (), 0)
