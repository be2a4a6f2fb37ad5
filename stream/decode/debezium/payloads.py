"""The payload of each JSON record, apart from the schema that Connect's JsonConverter writes in front of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


class Payloads:
    """Takes schemas off. Remembers those that it saw: the same bytes stand in front of most records of a topic."""

    def __init__(self) -> None:
        self._fronts: list[_Front] = []

    @property
    def schemas(self) -> Sequence[dict[str, Any]]:
        """Return the schemas seen so far, the newest last."""
        return [front.schema for front in self._fronts]

    def of(self, raw: RawBatch) -> RawBatch:
        """Return the records with their payloads as values; what has no schema in front stays as it is."""
        return replace(raw, parts=tuple(map(self._part, raw.parts)))

    def payload(self, value: bytes | None) -> bytes | None:
        """Return the payload of one key or value."""
        if value is None or not value.startswith(_FRONT):
            return value
        for front in reversed(self._fronts):
            if value.startswith(front.text):
                return value[len(front.text) : -1]
        if (new := _front_of(value)) is None:
            return value
        self._fronts = [*self._fronts[-_MOST_SCHEMAS:], new]
        return value[len(new.text) : -1]

    def _part(self, part: PartitionRecords) -> PartitionRecords:
        return replace(part, values=[self.payload(value) for value in part.values])


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
