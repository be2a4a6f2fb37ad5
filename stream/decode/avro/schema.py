"""From the text of an Avro schema to its tree, screened: what could blow a decoder up is refused by name.

Refused are types that contain themselves, lists and maps of items that take no bytes (six bytes could ask for
billions of them), and trees too deep or too large once every named type is written out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from stream.decode.avro.nodes import (
    ArrayOf,
    Branch,
    Enum,
    Field,
    Fixed,
    Kind,
    Logical,
    MapOf,
    Node,
    Record,
    Scalar,
    Union,
    least_bytes,
)
from stream.decode.readers import UnusableSchema

MAX_NODES: Final = 20_000
MAX_DIGITS: Final = 1_000  # of a decimal; more are taken as the bytes they are
_KINDS: Final = frozenset(get_args(Kind))
_LOGICAL: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset({"date", "time-millis"}),
    "long": frozenset(
        {
            "time-micros",
            "timestamp-millis",
            "timestamp-micros",
            "timestamp-nanos",
            "local-timestamp-millis",
            "local-timestamp-micros",
            "local-timestamp-nanos",
        }
    ),
    "string": frozenset({"uuid"}),
    "bytes": frozenset({"decimal"}),
}
_FIXED_SIZES: Final[Mapping[str, int]] = {"uuid": 16, "duration": 12}


def parse_schema(text: str, references: Sequence[str] = (), *, max_depth: int) -> Node:
    """Return the tree of the schema `text`; named types may come from `references`, each after those it needs.

    Raises `UnusableSchema`.
    """
    reader = _SchemaReader(max_depth)
    try:
        for reference in references:
            reader.read(json.loads(reference))
            reader.count = 0
        node = reader.read(json.loads(text))
    except json.JSONDecodeError as error:
        raise UnusableSchema(f"the schema is not JSON: {error}") from error
    except RecursionError as error:
        raise UnusableSchema("the schema is nested too deeply to be read") from error
    return node


class _SchemaReader:
    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._named: dict[str, Node] = {}
        self._sizes: dict[str, int] = {}
        self._open: list[str] = []
        self.count = 0

    def read(self, schema: Any, namespace: str = "", depth: int = 0) -> Node:
        """Return the tree of a schema as JSON has it."""
        if depth > self._max_depth:
            raise UnusableSchema(f"the schema is nested deeper than {self._max_depth} levels")
        self._add(1)
        match schema:
            case str():
                return self._by_name(schema, namespace)
            case list():
                return self._union(schema, namespace, depth)
            case {"type": dict() | list() as inner}:
                return self.read(inner, namespace, depth)
            case {"type": "array", "items": items}:
                return ArrayOf(self._item(items, namespace, depth, "array"))
            case {"type": "map", "values": values}:
                return MapOf(self._item(values, namespace, depth, "map"))
            case {"type": "record" | "error" | "enum" | "fixed" as kind, "name": str(name)}:
                return self._definition(kind, name, schema, namespace, depth)
            case {"type": str(name)} if name in _KINDS:
                return Scalar(name, _logical(schema, _LOGICAL.get(name, frozenset())))  # type: ignore[arg-type]
            case {"type": str(name)}:
                return self._by_name(name, namespace)
        raise UnusableSchema(f"no Avro schema: {json.dumps(schema)[:100]}")

    def _by_name(self, name: str, namespace: str) -> Node:
        if name in _KINDS:
            return Scalar(name)  # type: ignore[arg-type]  # membership is the check
        full = next((n for n in (_full_name(name, namespace), name) if n in self._named or n in self._open), name)
        if full in self._open:
            raise UnusableSchema(f"the type {full} contains itself, which no set of columns can hold")
        if full not in self._named:
            raise UnusableSchema(f"the type {full} is not defined")
        self._add(self._sizes[full])
        return self._named[full]

    def _add(self, nodes: int) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise UnusableSchema(f"the schema has more than {MAX_NODES:,} types once all of them are written out")

    def _union(self, schemas: list[Any], namespace: str, depth: int) -> Node:
        nodes = [self.read(each, namespace, depth + 1) for each in schemas]
        if not nodes:
            raise UnusableSchema("a union without branches")
        names = [_branch_name(node, full=False) for node in nodes]
        if len(set(names)) < len(names):
            names = [_branch_name(node, full=True) for node in nodes]
        if len(set(names)) < len(names):
            raise UnusableSchema("a union with the same type twice")
        return Union(tuple(map(Branch, names, nodes)))

    def _item(self, schema: Any, namespace: str, depth: int, within: str) -> Node:
        node = self.read(schema, namespace, depth + 1)
        if least_bytes(node) == 0:
            raise UnusableSchema(f"{within} items that take no bytes: a few bytes could ask for billions of them")
        return node

    def _definition(self, kind: str, name: str, schema: Any, namespace: str, depth: int) -> Node:
        given = schema.get("namespace")
        full = _full_name(name, given if isinstance(given, str) else namespace)
        if full in self._named or full in self._open:
            raise UnusableSchema(f"the type {full} is defined twice")
        before = self.count
        self._open.append(full)
        node = self._named_type(kind, full, schema, depth)
        self._open.pop()
        self._named[full], self._sizes[full] = node, self.count - before
        return node

    def _named_type(self, kind: str, full: str, schema: Any, depth: int) -> Node:
        match kind, schema:
            case "enum", {"symbols": list(symbols)} if symbols and all(isinstance(s, str) for s in symbols):
                return Enum(full, tuple(symbols))
            case "fixed", {"size": int(size)} if 0 <= size < 2**31:
                return Fixed(full, size, _fixed_logical(schema, size))
            case "record" | "error", {"fields": list(fields)}:
                return Record(full, tuple(self._field(each, full, depth) for each in _distinct(fields, full)))
        raise UnusableSchema(f"the {kind} {full} is not well formed")

    def _field(self, schema: Any, record: str, depth: int) -> Field:
        if not isinstance(schema, dict) or "type" not in schema:
            raise UnusableSchema(f"a field of {record} is not well formed")
        try:
            node = self.read(schema["type"], record.rpartition(".")[0], depth + 1)
            doc = schema.get("doc")
            return Field(schema["name"], node, doc if isinstance(doc, str) else None)
        except UnusableSchema as error:
            raise UnusableSchema(f"{schema['name']}: {error}") from error.__cause__


def _distinct(fields: list[Any], record: str) -> list[Any]:
    names = [field.get("name") if isinstance(field, dict) else None for field in fields]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UnusableSchema(f"the record {record} has a field without a name of its own")
    return fields


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _branch_name(node: Node, *, full: bool) -> str:
    match node:
        case Scalar():
            return node.kind
        case ArrayOf():
            return "array"
        case MapOf():
            return "map"
        case Union():
            raise UnusableSchema("a union right inside a union")
        case _:
            return node.name if full else node.name.rpartition(".")[2]


def _logical(schema: Mapping[str, Any], known: frozenset[str]) -> Logical | None:
    """Return what a scalar means; an unknown or invalid meaning is none, as the specification says."""
    name = schema.get("logicalType")
    if not isinstance(name, str) or name not in known:
        return None
    return _decimal(schema) if name == "decimal" else Logical(name)


def _fixed_logical(schema: Mapping[str, Any], size: int) -> Logical | None:
    match schema.get("logicalType"):
        case "decimal":
            logical = _decimal(schema)
            fits = logical is not None and 10**logical.precision <= 2 ** (8 * size - 1) if size else False
            return logical if fits else None
        case "uuid" | "duration" as name if size == _FIXED_SIZES[name]:
            return Logical(name)
    return None


def _decimal(schema: Mapping[str, Any]) -> Logical | None:
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if isinstance(precision, int) and isinstance(scale, int) and 0 <= scale <= precision <= MAX_DIGITS and precision:
        return Logical("decimal", precision, scale)
    return None
