"""The guard: what passes it is exactly one well-formed JSON object per record, in UTF-8, and of a sane size.

`pyarrow.json` reads a whole batch as one text. It would take two objects in one record for two rows, skip an empty
record, accept NaN, and die of a `null` in the first place; so each record is looked at by itself first.
"""

from __future__ import annotations

from collections import deque
from operator import length_hint
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stream.config.models import Limits
from stream.decode.records import RecordSubset


class _AnyObject(msgspec.Struct, gc=False):
    """Any JSON object: without fields, msgspec checks the whole text and keeps nothing of it."""


_check_object: Final = msgspec.json.Decoder(_AnyObject).decode
_check_any: Final = msgspec.json.Decoder(msgspec.Raw).decode


def guard(subset: RecordSubset, limits: Limits) -> tuple[RecordSubset, RecordSubset]:
    """Return the records that Arrow may see, each an object, and those that have to be read one by one.

    A list or scalar at the root becomes an object with the one key `value`.
    """
    sized, oversized = subset.without(_oversized(subset, limits))
    encoded, garbled = sized.without(_garbled(sized))
    offenders = _offenders(encoded)
    wrapped = {p: value for p in offenders if (value := _wrapped(encoded.values[p])) is not None}
    fine, refused = encoded.replacing(wrapped).without(set(offenders) - wrapped.keys())
    return fine, oversized + garbled + refused


def _oversized(subset: RecordSubset, limits: Limits) -> set[int]:
    if (pc.max(pc.binary_length(subset.column)).as_py() or 0) <= limits.max_record_bytes:
        return set()
    return {position for position, value in enumerate(subset.values) if len(value) > limits.max_record_bytes}


def _garbled(subset: RecordSubset) -> set[int]:
    try:
        subset.column.cast(pa.string())
    except pa.ArrowInvalid:
        return {position for position, value in enumerate(subset.values) if not _is_utf8(value)}
    return set()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _offenders(subset: RecordSubset) -> list[int]:
    offenders = []
    values = iter(subset.values)
    while length_hint(values):
        try:
            deque(map(_check_object, values), maxlen=0)  # the one loop over all records: no Python code per record
        except (msgspec.DecodeError, RecursionError):
            offenders.append(len(subset) - length_hint(values) - 1)
    return offenders


def _wrapped(value: bytes) -> bytes | None:
    """Return a list or scalar as an object; None for what is malformed, and for null."""
    try:
        _check_any(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if value.strip() == b"null" else b'{"value":%b}' % value
