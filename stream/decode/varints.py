"""Zigzag varints, as Avro writes whole numbers and Confluent's framing its message indexes.

Source: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from __future__ import annotations

from typing import Final

_MOST_BYTES: Final = 10  # of 7 bits each, for 64 bits
_BITS: Final = 64


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where it ends.

    Raises `ValueError` when it is cut off or has more than 64 bits.
    """
    if at >= len(data):
        raise ValueError(f"a number is missing at byte {at}")
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    return _read_longer(data, at)


def _read_longer(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for index, byte in enumerate(data[at : at + _MOST_BYTES]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if number >> _BITS:
                break
            return (number >> 1) ^ -(number & 1), at + index + 1
    raise ValueError(f"the number at byte {at} is cut off, or longer than {_BITS} bits")


def write_long(number: int) -> bytes:
    """Return a number of 64 bits as a zigzag varint."""
    rest = (number << 1) ^ (number >> (_BITS - 1))
    written = bytearray()
    while rest >= 0x80:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)
