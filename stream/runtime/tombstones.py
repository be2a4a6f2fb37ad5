"""Records without a value, for the tables in which they delete a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks.merging import OFFSET, PARTITION, ROW_ID, TIME
from stream.dispositions import KAFKA_KEY
from stream.model import PartitionRecords, RawBatch
from stream.model.times import times_of
from stream.normalize import root_ids

TOPIC: Final = "_kafka_topic"


def tombstone_records(raw: RawBatch, merged_table: Callable[[str], str | None]) -> Mapping[str, pa.Table]:
    """Return the tombstones of `raw` by the original name of the table that merges them: see `Decoded.tombstones`."""
    found: dict[str, list[pa.Table]] = {}
    for part in raw.parts:
        table = merged_table(part.range.partition.topic)
        rows = [index for index, value in enumerate(part.values) if value is None] if table is not None else []
        if table is not None and rows:
            found.setdefault(table, []).append(_records(part, rows))
    return {table: pa.concat_tables(records) for table, records in found.items()}


def with_ids(records: pa.Table, incarnations: Mapping[str, str]) -> pa.Table:
    """Return tombstones with the ids that rows of their records would have."""
    named = []
    topics: list[Any] = records[TOPIC].unique().to_pylist()
    for topic in topics:
        some = records.filter(pc.equal(records[TOPIC], topic))
        named.append(some.append_column(ROW_ID, root_ids(some, topic, incarnations.get(topic, ""))))
    return pa.concat_tables(named)


def _records(part: PartitionRecords, rows: list[int]) -> pa.Table:
    times: pa.Array[Any] = pa.array([part.timestamps[row] for row in rows], pa.int64())
    columns = {
        TOPIC: pa.array([part.range.partition.topic] * len(rows), pa.string()),
        PARTITION: pa.array([part.range.partition.number] * len(rows), pa.int64()),
        OFFSET: pa.array([part.offsets[row] for row in rows], pa.int64()),
        TIME: times_of(times),
        KAFKA_KEY: pa.array([part.keys[row] for row in rows], pa.binary()),
    }
    return pa.table(columns)
