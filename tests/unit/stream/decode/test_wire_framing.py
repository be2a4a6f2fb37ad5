"""Schema ids in front of a payload, in headers, and the indexes of a Protobuf message."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode.varints import read_long, write_long
from stream.decode.wire_framing import VALUE_HEADER, id_in, id_in_headers, is_framed, message_indexes

GUID = UUID("01234567-89ab-cdef-0123-456789abcdef")


def test_the_id_is_four_bytes_after_a_zero() -> None:
    assert is_framed(b"\0\0\0\x01\x02")
    assert id_in(b"\0\0\0\x01\x02") == 258


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0\0", b"\x01\0\0\0\x01", b'{"a":1}'])
def test_other_bytes_have_no_frame(value: bytes) -> None:
    assert not is_framed(value)


def test_an_id_in_a_header_is_a_uuid_or_a_number() -> None:
    assert id_in_headers(((VALUE_HEADER, b"\x01" + GUID.bytes),), VALUE_HEADER) == (GUID, b"")
    assert id_in_headers(((VALUE_HEADER, b"\x01" + GUID.bytes + b"\x02\x02"),), VALUE_HEADER) == (GUID, b"\x02\x02")
    assert id_in_headers(((VALUE_HEADER, b"\0\0\0\0\x05"),), VALUE_HEADER) == (5, b"")


@pytest.mark.parametrize("header", [b"", None, b"\x01", b"\x07" * 20])
def test_another_header_names_no_schema(header: bytes | None) -> None:
    assert id_in_headers(((VALUE_HEADER, header), ("other", b"\0\0\0\0\x05")), VALUE_HEADER) is None


@pytest.mark.parametrize(
    ("data", "indexes", "at"), [(b"\0abc", (0,), 1), (b"\x02\x04abc", [2], 2), (b"\x04\x02\x00abc", [1, 0], 3)]
)
def test_indexes_name_a_message(data: bytes, indexes: list[int], at: int) -> None:
    assert message_indexes(data) == (indexes, at)


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x01", b"\x04\x02", b"\x02\x01", b"\xfe\xff\xff\xff\x0f"])
def test_indexes_that_make_no_sense_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        message_indexes(data)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_reads_back_as_it_was_written(number: int) -> None:
    data = write_long(number)
    assert read_long(data, 0) == (number, len(data))
