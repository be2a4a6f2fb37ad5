"""The records of one topic in one batch, numbered; what identifies each of them, as columns and as rejects."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from checkpoints import Partition
from sinks import Reject
from stream.decode.reasons import InvalidRecord
from stream.model import PartitionRecords
from stream.model.headers import header_text
from stream.model.times import time_of, times_of


class Rows:
    """The records of one topic in one batch, numbered from 0 over its parts."""

    def __init__(self, parts: Sequence[PartitionRecords]) -> None:
        self._slabs = [part for part in parts if len(part)]
        self._starts = list(accumulate(map(len, self._slabs), initial=0))
        self.values: list[bytes | None] = list(chain.from_iterable(part.values for part in self._slabs))

    def partition(self, row: int) -> Partition:
        """Return the partition that a row came from."""
        return self._slabs[bisect_right(self._starts, row) - 1].range.partition

    def keys(self, metadata: Collection[str]) -> pa.Table:
        """Return the identifying columns of all rows; `metadata` asks for more (`topic`, `key`, `headers`)."""
        columns = {
            "_kafka_partition": self._constant(lambda part: part.range.partition.number, pa.int64()),
            "_kafka_offset": self._integers(lambda part: part.offsets),
            "_kafka_timestamp": times_of(self._integers(lambda part: part.timestamps)),
        }
        if "topic" in metadata:
            columns["_kafka_topic"] = self._constant(lambda part: part.range.partition.topic, pa.string())
        if "key" in metadata:
            columns["_kafka_key"] = self._column(lambda part: part.keys, pa.binary())
        if "headers" in metadata:
            columns["_kafka_headers"] = self._column(_header_texts, pa.string())
        return pa.table(columns)

    def reject(self, row: int, why: InvalidRecord) -> Reject:
        """Return a row as a record set aside, with its original bytes."""
        index = bisect_right(self._starts, row) - 1
        part, position = self._slabs[index], row - self._starts[index]
        return Reject(
            partition=part.range.partition,
            offset=part.offsets[position],
            timestamp=time_of(part.timestamps[position]),
            key=part.keys[position],
            value=part.values[position],
            reason=why.reason,
            error=str(why),
            headers=header_text(part.headers[position]) if part.headers else None,
        )

    def _column(self, field: Callable[[PartitionRecords], Sequence[object]], kind: pa.DataType) -> pa.Array[Any]:
        return pa.array(list(chain.from_iterable(map(field, self._slabs))), kind)

    def _integers(self, field: Callable[[PartitionRecords], Sequence[int]]) -> pa.Array[Any]:
        numbers = array("q", chain.from_iterable(map(field, self._slabs)))
        return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])

    def _constant(self, field: Callable[[PartitionRecords], object], kind: pa.DataType) -> pa.Array[Any]:
        """Return a value of each part, once for each of its records; in one call, since parts may be a thousand."""
        values, ends = pa.array(list(map(field, self._slabs)), kind), pa.array(self._starts[1:], pa.int32())
        runs: pa.Array[Any] = pa.RunEndEncodedArray.from_arrays(ends, values)
        repeated: pa.Array[Any] = pc.call_function("run_end_decode", [runs])
        return repeated


def _header_texts(part: PartitionRecords) -> list[str | None]:
    return [header_text(headers) for headers in part.headers] or [None] * len(part)
