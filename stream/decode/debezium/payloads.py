"""The payload of each JSON record, apart from the schema that Connect's JsonConverter writes in front of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, Final

from stream.model import PartitionRecords, RawBatch

_FRONT: Final = b'{"schema":'
_BETWEEN: Final = b',"payload":'
_MOST_SCHEMAS: Final = 200


@dataclass(frozen=True, slots=True)
class _Front:
    """Everything of a record before its payload: a schema's text, and what it says."""

    text: bytes
    schema: dict[str, Any]


_NOTHING: Final = _Front(b"", {})


class Payloads:
    """Takes schemas off. Remembers those that it saw: the same bytes stand in front of most records of a topic."""

    def __init__(self) -> None:
        self._fronts: list[_Front] = []

    def by_schema(self, raw: RawBatch) -> Iterator[tuple[Mapping[str, Any], RawBatch]]:
        """Yield the records with their payloads as values, those of each schema together, with that schema.

        The same bytes mean another number under another schema (a decimal's scale), so that no two may be mixed. What
        has no schema in front stays as it is, under an empty one.
        """
        parts: dict[bytes, list[PartitionRecords]] = {}
        schemas: dict[bytes, Mapping[str, Any]] = {}
        for part in raw.parts:
            fronts = [self._front(value) for value in part.values]
            schemas |= {front.text: front.schema for front in fronts}
            bare = replace(part, values=[_without(*pair) for pair in zip(part.values, fronts, strict=True)])
            for text in dict.fromkeys(front.text for front in fronts):
                parts.setdefault(text, []).append(_chosen(bare, [front.text == text for front in fronts]))
        for text, some in parts.items():
            yield schemas[text], replace(raw, parts=tuple(some))

    def payload(self, value: bytes | None) -> bytes | None:
        """Return the payload of one key or value."""
        return _without(value, self._front(value))

    def _front(self, value: bytes | None) -> _Front:
        """Return what is before the payload; nothing where there is no schema."""
        if value is None or not value.startswith(_FRONT):
            return _NOTHING
        for front in reversed(self._fronts):
            if value.startswith(front.text):
                return front
        if (new := _front_of(value)) is None:
            return _NOTHING
        self._fronts = [*self._fronts[-_MOST_SCHEMAS:], new]
        return new


def _without(value: bytes | None, front: _Front) -> bytes | None:
    return value if value is None or not front.text else value[len(front.text) : -1]


def _chosen(part: PartitionRecords, mask: Sequence[bool]) -> PartitionRecords:
    if all(mask):
        return part
    offsets = compress(part.offsets, mask)
    return part.choosing({(part.range.partition, offset) for offset in offsets}, among=True)


def _front_of(value: bytes) -> _Front | None:
    """Return what is before the payload; None when the record is not `{"schema":...,"payload":...}` in that order."""
    try:
        text = value.decode()
        start = len(_FRONT)
        schema, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    front = text[: end + len(_BETWEEN)].encode()
    if not front.endswith(_BETWEEN) or not value.endswith(b"}"):
        return None
    return _Front(front, schema if isinstance(schema, dict) else {})
