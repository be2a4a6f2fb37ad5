"""Values that stand for others: a keyed hash of each, the same for the same value wherever it stands."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pyarrow as pa

from stream.model.json_text import json_text
from stream.model.tables import Array

Replace: TypeAlias = Callable[[Any], str]
"""A function from a value that is not null to the text that takes its place."""

MASK: Final = "***"
_DIGITS: Final = 32  # 128 bits: no two of 10**15 values are expected to meet


def keyed_hash(salt: bytes) -> Replace:
    """Return a function that replaces a value by HMAC-SHA-256 of its text under `salt` (RFC 2104), 32 hex digits.

    A number has the text that JSON gives it, so that 1 and 1.0 are one value, as in the tables.
    """

    def replace(value: Any) -> str:
        text = value if isinstance(value, str) else json_text(value, ())
        return hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    return replace


def masked(value: Any) -> str:
    """Return the same three stars for every value."""
    return MASK


def replaced(values: Array, replace: Replace) -> Array:
    """Return `values` with each that is not null replaced; each distinct value is looked at once."""
    encoded = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
    assert isinstance(encoded, pa.DictionaryArray)  # noqa: S101  # what dictionary_encode gives, for the type checker
    distinct = encoded.dictionary.to_pylist()
    texts: Array = pa.array([None if value is None else replace(value) for value in distinct], pa.string())
    return texts.take(encoded.indices)
