"""JSON records through the decoder and back to Python values, and the reference they are held against."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from checkpoints import OffsetRange, Partition
from stream.config.models import Limits
from stream.decode import JsonDecoder, Reason
from stream.decode.numbers import MAX_DIGITS
from stream.model import Decoded, PartitionRecords, RawBatch

PARTITION = Partition("orders", 0)


def batch(values: Sequence[bytes | None], start: int = 0) -> RawBatch:
    """Return the values as one part, with offsets from `start` on."""
    count = len(values)
    offsets = range(start, start + count)
    part = PartitionRecords(OffsetRange(PARTITION, start, start + count), offsets, [-1] * count, [None] * count, values)
    return RawBatch((part,), sum(len(value or b"") for value in values))


def decoder(limits: Limits | None = None) -> JsonDecoder:
    """Return a decoder that has seen nothing."""
    return JsonDecoder(limits or Limits(), table_of=str)


def documents(decoded: Decoded) -> dict[int, Any]:
    """Return each document as a Python value, by offset. Fails when an offset has two."""
    values: dict[int, Any] = {}
    for document in decoded.documents:
        for columnar in document.columnar:
            assert columnar.data.num_rows == columnar.keys.num_rows
            _add(values, columnar.keys["_kafka_offset"].to_pylist(), columnar.data.to_pylist())
        for loose in document.loose:
            _add(values, loose.keys["_kafka_offset"].to_pylist(), loose.values)
    return values


def columnar_rows(decoded: Decoded) -> int:
    """Return how many documents came as columns."""
    return sum(columnar.data.num_rows for document in decoded.documents for columnar in document.columnar)


def refused(decoded: Decoded) -> dict[int, str]:
    """Return the reason of each reject, by offset."""
    return {reject.offset: reject.reason for reject in decoded.rejects}


def reference(value: bytes) -> Any:
    """Return what Python's own parser reads: integers whole, every fraction as the decimal that was written."""
    document = json.loads(value.decode(), parse_float=Decimal)
    return document if document is None or isinstance(document, dict) else {"value": document}


def faults(value: bytes) -> set[Reason]:
    """Return every reason there is to refuse a record, found with Python's own parser."""
    found: set[Reason] = set()

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) < len(items):
            found.add(Reason.DUPLICATE_KEY)
        return dict(items)

    def fraction(text: str) -> Decimal:
        number = Decimal(text) if abs(int(text.lower().partition("e")[2] or 0)) < 10**17 else Decimal("Infinity")
        digits = MAX_DIGITS if number.is_infinite() else max(abs(number.adjusted()), len(number.as_tuple().digits))
        if digits >= MAX_DIGITS and not (number.is_finite() and _prints_as(float(text), number)):
            found.add(Reason.NUMBER_TOO_LONG)
        return number

    def integer(text: str) -> int:
        if len(text) > MAX_DIGITS:
            found.add(Reason.NUMBER_TOO_LONG)
        return int(text[:MAX_DIGITS])

    def constant(name: str) -> None:
        found.add(Reason.NOT_FINITE)

    try:
        text = value.decode()
        document = json.loads(
            text, object_pairs_hook=pairs, parse_float=fraction, parse_int=integer, parse_constant=constant
        )
        json.dumps(document, ensure_ascii=False, default=str).encode()
    except UnicodeDecodeError:
        found.add(Reason.INVALID_UTF8)
    except UnicodeEncodeError:
        found.add(Reason.LONE_SURROGATE)
    except json.JSONDecodeError:
        found.add(Reason.INVALID_JSON if text.strip() else Reason.EMPTY)
    return found


def same(decoded: Any, wanted: Any) -> bool:
    """Return whether two values are equal: a key that is null is as good as absent, numbers equal to the last digit."""
    match decoded, wanted:
        case dict(), dict():
            keys = {key for side in (decoded, wanted) for key, value in side.items() if value is not None}
            return all(same(decoded.get(key), wanted.get(key)) for key in keys)
        case list(), list():
            return len(decoded) == len(wanted) and all(map(same, decoded, wanted))
        case (bool(), _) | (_, bool()):
            return decoded is wanted
        case float(), int() | Decimal():
            return _prints_as(decoded, wanted)
        case _:
            return bool(decoded == wanted)


def _prints_as(number: float, wanted: int | Decimal) -> bool:
    return wanted in (Decimal(repr(number)), Decimal(f"{number:.17g}")) or number == wanted


def _add(values: dict[int, Any], offsets: Sequence[int], rows: Sequence[Mapping[str, Any]]) -> None:
    for offset, row in zip(offsets, rows, strict=True):
        assert offset not in values, f"offset {offset} came out twice"
        values[offset] = row
