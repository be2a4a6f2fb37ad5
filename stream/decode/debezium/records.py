"""The records of a batch by where they are in Kafka."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from checkpoints import Partition
from sinks import Reject
from stream.decode.reasons import Reason
from stream.model import PartitionRecords, RawBatch
from stream.model.times import time_of


class Records:
    """Finds records of one topic again, by partition and offset. Looks for them only when it is asked."""

    def __init__(self, raw: RawBatch) -> None:
        self._raw = raw
        self._found: dict[tuple[int, int], tuple[PartitionRecords, int]] = {}

    def partition(self, keys: pa.Table, row: int) -> Partition:
        """Return the partition of the record that a row of identifying columns stands for."""
        return self._record(keys, row)[0].range.partition

    def key(self, keys: pa.Table, row: int) -> bytes | None:
        """Return the key of a record."""
        part, index = self._record(keys, row)
        return part.keys[index]

    def reject(self, keys: pa.Table, row: int, reason: Reason, error: str) -> Reject:
        """Return a record as one set aside, with its original bytes."""
        part, index = self._record(keys, row)
        when, key, value = time_of(part.timestamps[index]), part.keys[index], part.values[index]
        return Reject(part.range.partition, part.offsets[index], when, key, value, reason, error)

    def original(self, reject: Reject) -> Reject:
        """Return `reject` with the bytes that the record had."""
        part, index = self._at(reject.partition.number, reject.offset)
        return replace(reject, key=part.keys[index], value=part.values[index])

    def _record(self, keys: pa.Table, row: int) -> tuple[PartitionRecords, int]:
        return self._at(keys["_kafka_partition"][row].as_py(), keys["_kafka_offset"][row].as_py())

    def _at(self, partition: int, offset: int) -> tuple[PartitionRecords, int]:
        if not self._found:
            self._found = {
                (part.range.partition.number, each): (part, index)
                for part in self._raw.parts
                for index, each in enumerate(part.offsets)
            }
        return self._found[partition, offset]
