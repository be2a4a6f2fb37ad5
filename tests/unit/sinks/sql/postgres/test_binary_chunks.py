"""The binary form of COPY, byte by byte. That PostgreSQL reads it is for the contract suite."""

import struct
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from sinks import Column, DataType, Table
from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, decimal
from sinks.sql.postgres.binary_chunks import binary_chunks, has_binary_form

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"


def table(**types: DataType) -> Table:
    return Table("t", {name: Column(name, kind) for name, kind in types.items()})


def written(kind: DataType, *values: object) -> bytes:
    """Return what one column of these values becomes, without head and tail."""
    data = pa.table({"a": pa.array(values, kind.arrow)})
    text = b"".join(binary_chunks(table(a=kind), data))
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    return text[len(HEAD) : -len(TAIL)]


def field(content: bytes) -> bytes:
    return struct.pack(">hi", 1, len(content)) + content


@pytest.mark.parametrize(
    ("kind", "value", "content"),
    [
        (TEXT, "", b""),
        (TEXT, "🦔", "🦔".encode()),
        (BINARY, b"\x00\xff", b"\x00\xff"),
        (JSON, '{"a":1}', b'\x01{"a":1}'),
        (BIGINT, -(2**63), struct.pack(">q", -(2**63))),
        (DOUBLE, 0.1, struct.pack(">d", 0.1)),
        (BOOL, True, b"\x01"),
        (DATE, date(1999, 12, 31), struct.pack(">i", -1)),
        (TIMESTAMP, datetime(2000, 1, 1, 0, 0, 0, 1, UTC), struct.pack(">q", 1)),
        (TIME, 86_399_999_999, struct.pack(">q", 86_399_999_999)),
    ],
    ids=str,
)
def test_a_value_is_its_length_and_its_bytes_and_null_has_none(kind: DataType, value: object, content: bytes) -> None:
    null = struct.pack(">hi", 1, -1)
    assert written(kind, None, value, None, value) == null + field(content) + null + field(content)


def test_a_slice_writes_its_own_rows() -> None:
    data = pa.table(
        {"n": pa.array([1, None, 3, 4]), "b": pa.array([True, False, None, True]), "t": ["a", "b", "c", "d"]}
    )
    columns = table(n=BIGINT, b=BOOL, t=TEXT)
    sliced, fresh = data.slice(1, 2), pa.Table.from_pylist(data.slice(1, 2).to_pylist(), data.schema)
    assert b"".join(binary_chunks(columns, sliced)) == b"".join(binary_chunks(columns, fresh))


def test_a_large_table_comes_in_pieces_between_head_and_tail() -> None:
    pieces = [bytes(piece) for piece in binary_chunks(table(a=BIGINT), pa.table({"a": range(12_000)}))]
    assert (len(pieces), pieces[0], pieces[-1]) == (5, HEAD, TAIL)


def test_a_table_without_rows_is_head_and_tail() -> None:
    assert written(TEXT) == b""


def test_decimals_have_no_binary_form_here() -> None:
    assert (has_binary_form(table(a=TEXT)), has_binary_form(table(a=TEXT, b=decimal(38, 9)))) == (True, False)
