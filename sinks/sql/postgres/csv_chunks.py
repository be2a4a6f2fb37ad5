"""Arrow tables as the CSV that PostgreSQL's COPY reads, in chunks of bounded size: for what has no binary form here.

NULL is nothing between two commas; text is always quoted, so that the empty text is `""`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv

# Rows in a chunk: docs/decisions/0002-postgres-bulk-load.md.
_ROWS: Final = 5_000
_OPTIONS: Final = csv.WriteOptions(include_header=False, quoting_style="needed")


def csv_chunks(table: pa.Table) -> Iterator[memoryview]:
    """Yield `table` as CSV, piece by piece."""
    for batch in table.to_batches(max_chunksize=_ROWS):
        text = pa.BufferOutputStream()
        csv.write_csv(_readable(batch), text, _OPTIONS)
        yield memoryview(text.getvalue())


def _readable(batch: pa.RecordBatch) -> pa.RecordBatch:
    for index, field in enumerate(batch.schema):
        if pa.types.is_binary(field.type):
            batch = batch.set_column(index, field.name, _hex(batch.column(index)))
    return batch


def _hex(binaries: pa.Array[Any]) -> pa.StringArray:
    # One Python object per value: Arrow has no such kernel, and binary columns are rare.
    return pa.array([None if value is None else "\\x" + value.hex() for value in binaries.to_pylist()], pa.string())
