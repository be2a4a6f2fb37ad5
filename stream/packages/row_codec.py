"""Rows of plain Python values as bytes and back, each value as it was: MessagePack, tagged where it lacks a type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

_INTEGER, _DECIMAL, _DATETIME, _DATE, _TIME, _UUID, _TEXT = range(1, 8)
_LEAST, _MOST = -(2**63), 2**63 - 1


def encode_rows(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return rows of plain values as bytes."""
    return _ENCODER.encode([_tagged(row) for row in rows])


def decode_rows(data: bytes) -> list[dict[str, Any]]:
    """Return the rows that `encode_rows` was given."""
    rows: list[dict[str, Any]] = _DECODER.decode(data)
    return rows


def _tagged(value: Any) -> Any:
    match value:
        case dict():
            return {_key(key): _tagged(member) for key, member in value.items()}
        case list() | tuple():
            return [_tagged(element) for element in value]
        case None | bool() | float() | bytes():
            return value
        case int():
            return value if _LEAST <= value <= _MOST else _ext(_INTEGER, hex(value))
        case str():
            return value if _is_encodable(value) else msgspec.msgpack.Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
        case Decimal():
            return _ext(_DECIMAL, str(value))
        case datetime():
            return _ext(_DATETIME, value.isoformat())
        case date():
            return _ext(_DATE, value.isoformat())
        case time():
            return _ext(_TIME, value.isoformat())
        case UUID():
            return _ext(_UUID, value.hex)
    raise TypeError(f"{type(value).__name__} is no plain value")


def _key(key: str) -> str:
    return key if _is_encodable(key) else key.encode("utf-8", "backslashreplace").decode()


def _is_encodable(text: str) -> bool:
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ext(tag: int, text: str) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(tag, text.encode())


def _untagged(tag: int, data: memoryview) -> Any:
    text = bytes(data).decode("utf-8", "surrogatepass")
    match tag:
        case 1:
            return int(text, 16)
        case 2:
            return Decimal(text)
        case 3:
            return datetime.fromisoformat(text)
        case 4:
            return date.fromisoformat(text)
        case 5:
            return time.fromisoformat(text)
        case 6:
            return UUID(hex=text)
        case 7:
            return text
    raise ValueError(f"unknown tag {tag} in a package: it is of a newer headrace")


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(ext_hook=_untagged)
