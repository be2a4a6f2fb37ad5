"""One envelope as Python values: the exact way, for those that no one Arrow type holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from stream.decode.debezium.changes import (
    DELETED,
    ENVELOPE,
    MARKS,
    OP,
    POSITIONS,
    SOURCE_POSITION,
    SOURCE_TIME,
    UNAVAILABLE,
    WRITES,
)
from stream.decode.debezium.connect_types import Convert
from stream.model.times import time_of


@dataclass(frozen=True, slots=True)
class Written:
    """A row as it is after the change."""

    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A delete, and what is known of it beside the key."""

    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A row with a value that the database did not send."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """What changes no row."""

    reason: str


Change: TypeAlias = Written | Deleted | Incomplete | Ignored


def change_of(envelope: Any, convert: Mapping[str, Convert]) -> Change:
    """Return what one envelope says; a row of the flattened form passes through."""
    if not isinstance(envelope, dict):
        return Written({"value": envelope})
    if not ENVELOPE & envelope.keys():
        return Written(_flattened(envelope, convert))
    op, after = envelope.get("op"), envelope.get("after")
    about = _about(envelope.get("source"), op)
    if op == "d":
        return Deleted(about)
    if op not in WRITES or not isinstance(after, dict):
        return Ignored(f"debezium_{op or 'other'}")
    if UNAVAILABLE in after.values():
        return Incomplete()
    return Written({**{name: _converted(value, convert.get(name)) for name, value in after.items()}, **about})


def _flattened(row: Mapping[str, Any], convert: Mapping[str, Convert]) -> dict[str, Any]:
    values = {MARKS.get(name, name): _converted(value, convert.get(name)) for name, value in row.items()}
    return {**values, DELETED: str(values[DELETED]).lower() == "true"} if DELETED in values else values


def _about(source: Any, op: Any) -> dict[str, Any]:
    about: dict[str, Any] = {OP: op, DELETED: op == "d"}
    if isinstance(source, dict):
        if isinstance(source.get("ts_ms"), int) and (when := time_of(source["ts_ms"])) is not None:
            about[SOURCE_TIME] = when
        position = next((source[name] for name in POSITIONS if source.get(name) is not None), None)
        if isinstance(position, int | str):
            about[SOURCE_POSITION] = position
    return about


def _converted(value: Any, convert: Convert | None) -> Any:
    if value is None or convert is None:
        return value
    try:
        return convert(pa.array([value]))[0].as_py()
    except (pa.ArrowException, OverflowError):
        return value
