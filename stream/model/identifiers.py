"""Identifiers that a destination can hold: short enough, told apart by a tag, clear of those headrace keeps."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Container
from hashlib import shake_128
from itertools import count
from typing import Final

SYSTEM_PREFIXES: Final = ("_hr_", "_kafka_")


def is_system(name: str) -> bool:
    """Return whether a name is one that only headrace gives."""
    return name.startswith(SYSTEM_PREFIXES)


def tag(original: str) -> str:
    """Return six characters that stand for `original`: four bytes of its shake_128 in a lower-case base64."""
    digest = shake_128(original.encode("utf-8", "surrogatepass")).digest(4)
    return b64encode(digest, b"ba").decode().rstrip("=").lower()


def shorten(name: str, original: str, max_bytes: int) -> str:
    """Return `name`, or where it is longer than `max_bytes` in UTF-8: its two ends around the tag of `original`."""
    raw = name.encode()
    if len(raw) <= max_bytes:
        return name
    mark = tag(original)
    tail, odd = divmod(max_bytes - len(mark), 2)
    ends = raw[: tail + odd], raw[len(raw) - tail :]
    return mark.join(end.decode(errors="ignore") for end in ends)


def distinct(name: str, original: str, taken: Container[str], max_bytes: int) -> str:
    """Return `name` shortened, with the tag of `original` appended when that is `taken`; never a taken one."""
    free = shorten(name, original, max_bytes)
    for attempt in count():
        if free not in taken:
            return free
        salted = original + "\0" * attempt
        free = shorten(f"{name}_{tag(salted)}", salted, max_bytes)
    raise AssertionError("count() does not end")
