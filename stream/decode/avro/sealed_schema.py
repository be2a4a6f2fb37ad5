"""The schema under which a batch is shown to the native reader: same bytes, names of our own, no meaning it lacks.

Each record is wrapped together with a seal, 16 bytes that prove where it ended. What takes no bytes is left out: the
native reader refuses it, and it makes no column.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any, Final

from stream.decode.avro.arrow_types import MAX_DIGITS
from stream.decode.avro.nodes import (
    NULL,
    ArrayOf,
    Enum,
    Fixed,
    Logical,
    MapOf,
    Node,
    Record,
    Scalar,
    Union,
    least_bytes,
)

SEAL_BYTES: Final = 16
_MAX_LEVELS: Final = 40  # of our types; the native reader stops at 128 levels of JSON


class NotForNativeReader(Exception):
    """The native reader does not take this type; the exact one does."""


def sealed_schema(node: Node) -> str:
    """Return the Avro schema, as JSON, of a record of this type and its seal. Raises `NotForNativeReader`."""
    seal = {"type": "fixed", "name": "seal", "size": SEAL_BYTES}
    fields = [{"name": "v", "type": _Writer().written(node, 0)}, {"name": "s", "type": seal}]
    return json.dumps({"type": "record", "name": "sealed", "fields": fields})


def is_left_out(node: Node) -> bool:
    """Return whether a field of this type is not shown to the native reader: it takes no bytes and has no value."""
    match node:
        case Record():
            return all(is_left_out(field.node) for field in node.fields)
        case _:
            return node == NULL


def is_nullable(union: Union) -> bool:
    """Return whether this is a union of null and one other type, which has one more branch in the sealed schema."""
    return len(union.branches) == 2 and any(branch.node == NULL for branch in union.branches)


class _Writer:
    def __init__(self) -> None:
        self._numbers = count()

    def written(self, node: Node, depth: int) -> Any:
        """Return the type as JSON, each named type under a name of its own."""
        if depth > _MAX_LEVELS or least_bytes(node) == 0:
            raise NotForNativeReader
        match node:
            case Scalar():
                return _scalar(node)
            case Fixed():
                return {"type": "fixed", "name": self._name(), "size": node.size, **_shown(node.logical)}
            case Enum():
                symbols = [f"s{index}" for index in range(len(node.symbols))]
                return {"type": "enum", "name": self._name(), "symbols": symbols}
            case ArrayOf():
                return {"type": "array", "items": self.written(node.item, depth + 1)}
            case MapOf():
                return {"type": "map", "values": self.written(node.value, depth + 1)}
            case Record():
                shown = [field.node for field in node.fields if not is_left_out(field.node)]
                fields = [{"name": f"f{i}", "type": self.written(each, depth + 1)} for i, each in enumerate(shown)]
                return {"type": "record", "name": self._name(), "fields": fields}
            case Union():
                branches = [
                    "null" if branch.node == NULL else self.written(branch.node, depth + 1) for branch in node.branches
                ]
                return [*branches, self._never()] if is_nullable(node) else branches

    def _never(self) -> Any:
        """Return a branch that no record may have: of two branches, the native reader takes any index for the other."""
        return {"type": "fixed", "name": self._name(), "size": 1}

    def _name(self) -> str:
        return f"n{next(self._numbers)}"


def _scalar(scalar: Scalar) -> Any:
    shown = _shown(scalar.logical)
    return {"type": scalar.kind, **shown} if shown else scalar.kind


def _shown(logical: Logical | None) -> dict[str, Any]:
    """Return the meaning as the native reader is told of it: not where we make something else of the bytes."""
    match logical:
        case None | Logical("uuid" | "duration"):
            return {}
        case Logical("decimal"):
            if logical.precision > MAX_DIGITS:
                return {}
            return {"logicalType": "decimal", "precision": logical.precision, "scale": logical.scale}
        case _:
            return {"logicalType": logical.name}
