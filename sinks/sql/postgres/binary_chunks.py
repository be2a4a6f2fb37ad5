"""Arrow tables as the binary format of PostgreSQL's COPY, in chunks of bounded size, by kernels over whole columns.

A row is the number of its fields, then each field's length and bytes, all big-endian; -1 for the length is NULL.
Format: PostgreSQL documentation, COPY, "Binary Format". Its own dates and timestamps count from 2000-01-01.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sinks.schema import Kind, Table

# The size of a chunk: docs/decisions/0002-postgres-bulk-load.md. A wide table has fewer rows in one.
_ROWS: Final = 5_000
_FIELDS: Final = 250_000
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER: Final = struct.pack(">h", -1)
_ABSENT: Final = pa.scalar(-1, pa.int32())
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
    yield _HEADER
    for batch in data.to_batches(max_chunksize=min(_ROWS, _FIELDS // len(kinds) + 1)):
        yield _content(_joined(*_parts(kinds, batch)))
    yield _TRAILER


def _parts(kinds: Sequence[Kind], batch: pa.RecordBatch) -> Iterator[pa.Array[Any]]:
    """Yield what, joined row by row, are the rows: by turns bytes of equal length, and contents of any length."""
    equal = _EqualBytes(batch.num_rows, struct.pack(">h", len(kinds)))
    for kind, column in zip(kinds, batch.columns, strict=True):
        content = _form(kind, column)
        if not pa.types.is_binary(content.type) and not content.null_count:
            equal.append_constant(struct.pack(">i", content.type.byte_width))
            equal.append(content)
            continue
        if not pa.types.is_binary(content.type):
            content = pc.if_else(content.is_valid(), _EqualBytes.of(content), pa.scalar(None, pa.binary()))
        equal.append(_lengths(content))
        yield equal.array()
        yield content.fill_null(b"")
        equal = _EqualBytes(batch.num_rows)
    yield equal.array()


def _lengths(contents: Any) -> pa.Array[Any]:
    lengths: pa.Array[Any] = pc.binary_length(contents)
    return lengths.fill_null(_ABSENT)


def _form(kind: Kind, column: pa.Array[Any]) -> pa.Array[Any]:
    """Return values as the server wants them: bytes, or numbers that lack nothing but the network's order of bytes."""
    match kind:
        case "text" | "binary":
            return column.cast(pa.binary())
        case "json":
            return _joined(_JSONB_VERSION, column.cast(pa.binary()))
        case "bool":
            return column.cast(pa.uint8())
        case "date":
            return pc.subtract(column.cast(pa.int32()), pa.scalar(_DAYS_TO_2000, pa.int32()))
        case "timestamp":
            return pc.subtract(column.cast(pa.int64()), _MICROSECONDS_TO_2000)
        case _:
            return column


class _EqualBytes:
    """A run of bytes of the same length in each row, in the making."""

    def __init__(self, rows: int, start: bytes = b"") -> None:
        self._rows = rows
        self._constant = start
        self._numbers: list[tuple[int, pa.Array[Any]]] = []

    @classmethod
    def of(cls, numbers: pa.Array[Any]) -> pa.Array[Any]:
        """Return just these numbers, big-endian."""
        alone = cls(len(numbers))
        alone.append(numbers)
        return alone.array()

    def append_constant(self, text: bytes) -> None:
        """Let the same bytes follow in every row."""
        self._constant += text

    def append(self, numbers: pa.Array[Any]) -> None:
        """Let each row's number follow, big-endian. What stands in the place of a null does not matter."""
        self._numbers.append((len(self._constant), numbers))
        self._constant += bytes(numbers.type.byte_width)

    def array(self) -> pa.Array[Any]:
        """Return the rows: constants at once, numbers by one slice of the buffer for each of their bytes."""
        step = len(self._constant)
        rows = bytearray(self._constant) * self._rows
        for start, numbers in self._numbers:
            width = numbers.type.byte_width
            little = _buffer(numbers)
            for place in range(width):
                rows[start + place :: step] = little[width - 1 - place :: width]
        bytes_of_rows = pa.FixedSizeBinaryArray.from_buffers(pa.binary(step), self._rows, [None, pa.py_buffer(rows)])
        return bytes_of_rows.cast(pa.binary())


def _buffer(numbers: pa.Array[Any]) -> bytes:
    data, width = numbers.buffers()[1], numbers.type.byte_width
    return memoryview(data)[numbers.offset * width : (numbers.offset + len(numbers)) * width].tobytes() if data else b""


def _joined(*parts: Any) -> pa.Array[Any]:
    """Return the parts of each row as one value, null where one of them is."""
    joined: pa.Array[Any] = pc.binary_join_element_wise(*parts, _NOTHING)
    return joined


def _content(rows: pa.Array[Any]) -> memoryview:
    _, offsets, data = rows.buffers()
    if offsets is None or data is None:
        return memoryview(b"")
    bounds = memoryview(offsets).cast("i")
    return memoryview(data)[bounds[rows.offset] : bounds[rows.offset + len(rows)]]
