"""How a record names the schema it was written by: Confluent's wire format.

In front of the payload: a zero byte and the schema's id, 4 bytes, big-endian; Protobuf adds the place of the message
type. Or in a header (`__value_schema_id`, `__key_schema_id`): a byte 1 and a UUID of 16 bytes, or the 5 bytes above.
Source: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from stream.decode.varints import read_long
from stream.model import Headers
from stream.model.schemas import SchemaId

PREFIX_BYTES: Final = 5
VALUE_HEADER: Final = "__value_schema_id"
KEY_HEADER: Final = "__key_schema_id"
_WITH_ID: Final = 0
_WITH_UUID: Final = 1
_UUID_BYTES: Final = 16
_MOST_INDEXES: Final = 64  # message types nested deeper than that are not written by people


def is_framed(value: bytes) -> bool:
    """Return whether `value` begins as Confluent's wire format does."""
    return len(value) >= PREFIX_BYTES and value[0] == _WITH_ID


def id_in(prefix: bytes) -> int:
    """Return the schema id in the first five bytes of a framed value."""
    return int.from_bytes(prefix[1:PREFIX_BYTES], "big")


def id_in_headers(headers: Headers, name: str) -> tuple[SchemaId, bytes] | None:
    """Return the schema id in the last header called `name`, and the bytes after it; None where there is none."""
    found = next((value for key, value in reversed(headers) if key == name), None)
    if not found:
        return None
    if found[0] == _WITH_UUID and len(found) > _UUID_BYTES:
        return UUID(bytes=found[1 : 1 + _UUID_BYTES]), found[1 + _UUID_BYTES :]
    if is_framed(found):
        return id_in(found), found[PREFIX_BYTES:]
    return None


def message_indexes(data: bytes, at: int = 0) -> tuple[Sequence[int], int]:
    """Return the place of a message type in its Protobuf file, and where the message begins.

    The first index counts the top-level types, each further one those inside. One zero byte stands for the first
    type. Raises `ValueError` when there are no such indexes.
    """
    count, at = read_long(data, at)
    if count == 0:
        return (0,), at
    if not 0 < count <= _MOST_INDEXES:
        raise ValueError(f"{count} message indexes")
    indexes = []
    for _ in range(count):
        index, at = read_long(data, at)
        if index < 0:
            raise ValueError(f"message index {index}")
        indexes.append(index)
    return indexes, at
