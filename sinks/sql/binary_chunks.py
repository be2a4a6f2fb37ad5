"""Arrow tables as the binary format of PostgreSQL's COPY, in chunks of bounded size, by kernels over whole columns.

A row is the number of its fields, then each field's length and bytes, all big-endian; -1 for the length is NULL.
Format: PostgreSQL documentation, COPY, "Binary Format". Its own dates and timestamps count from 2000-01-01.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks.schema import Kind, Table

# Rows in a chunk: docs/decisions/0002-postgres-bulk-load.md.
_ROWS: Final = 5_000
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER: Final = struct.pack(">h", -1)
_NULL: Final = pa.scalar(struct.pack(">i", -1), pa.binary())
_NOTHING: Final = pa.scalar(b"", pa.binary())
_JSONB_VERSION: Final = pa.scalar(b"\x01", pa.binary())
_DAYS_TO_2000: Final = 10_957
_MICROSECONDS_TO_2000: Final = _DAYS_TO_2000 * 86_400_000_000


def has_binary_form(table: Table) -> bool:
    """Return whether all types of `table` can be written here: all but decimals, whose digits come in base 10,000."""
    return all(column.type.kind != "decimal" for column in table.columns.values())


def binary_chunks(table: Table, data: pa.Table) -> Iterator[bytes | memoryview]:
    """Yield `data` piece by piece; `table` says what its columns are (JSON and text look the same to Arrow)."""
    kinds = [table.columns[name].type.kind for name in data.column_names]
    fields_in_row = pa.scalar(struct.pack(">h", len(kinds)), pa.binary())
    yield _HEADER
    for batch in data.to_batches(max_chunksize=_ROWS):
        fields = [_field(kind, column) for kind, column in zip(kinds, batch.columns, strict=True)]
        yield _content(_joined(fields_in_row, *fields))
    yield _TRAILER


def _field(kind: Kind, column: pa.Array[Any]) -> pa.Array[Any]:
    """Return length and bytes of each value."""
    valid = column.is_valid()
    return pc.if_else(valid, _present(kind, column), _NULL) if column.null_count else _present(kind, column)


def _present(kind: Kind, column: pa.Array[Any]) -> pa.Array[Any]:
    # What stands in the place of a null does not matter here, only that it is something.
    match kind:
        case "text" | "binary":
            return _variable(column.cast(pa.binary()).fill_null(b""))
        case "json":
            text = column.cast(pa.binary()).fill_null(b"")
            return _variable(_joined(_JSONB_VERSION, text))
        case "bool":
            return _fixed(column.cast(pa.uint8()), 1)
        case "date":
            return _fixed(pc.subtract(column.cast(pa.int32()), pa.scalar(_DAYS_TO_2000, pa.int32())), 4)
        case "timestamp":
            return _fixed(pc.subtract(column.cast(pa.int64()), _MICROSECONDS_TO_2000), 8)
        case _:
            return _fixed(column, 8)


def _variable(values: Any) -> pa.Array[Any]:
    return _joined(_big_endian(pc.binary_length(values), 4, prefix=b""), values)


def _joined(*parts: Any) -> pa.Array[Any]:
    """Return the parts of each row as one value."""
    joined: pa.Array[Any] = pc.binary_join_element_wise(*parts, _NOTHING)
    return joined


def _fixed(values: pa.Array[Any], width: int) -> pa.Array[Any]:
    return _big_endian(values, width, prefix=struct.pack(">i", width))


def _big_endian(values: pa.Array[Any], width: int, *, prefix: bytes) -> pa.Array[Any]:
    """Return `prefix` and the bytes of each value in network order, one slice of the buffer for each byte of a row."""
    rows, step = len(values), len(prefix) + width
    data = values.buffers()[1]
    little = memoryview(data)[values.offset * width : (values.offset + rows) * width].tobytes() if data else b""
    big = bytearray(prefix + bytes(width)) * rows
    for place in range(width):
        big[len(prefix) + place :: step] = little[width - 1 - place :: width]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(step), rows, [None, pa.py_buffer(big)]).cast(pa.binary())


def _content(rows: pa.Array[Any]) -> memoryview:
    _, offsets, data = rows.buffers()
    if offsets is None or data is None:
        return memoryview(b"")
    bounds = memoryview(offsets).cast("i")
    return memoryview(data)[bounds[rows.offset] : bounds[rows.offset + len(rows)]]
