"""Which Arrow type holds the values of an Avro type exactly. Every way of reading gives these types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

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
    sole_branch,
)

DURATION: Final = pa.struct([pa.field(name, pa.int64()) for name in ("months", "days", "milliseconds")])
MAX_DIGITS: Final = 76  # of Arrow's widest decimal; longer ones are text

_PLAIN: Final[Mapping[str, pa.DataType]] = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
_LOGICAL: Final[Mapping[str, pa.DataType]] = {
    "date": pa.date32(),
    "time-millis": pa.time32("ms"),
    "time-micros": pa.time64("us"),
    "timestamp-millis": pa.timestamp("ms", tz="UTC"),
    "timestamp-micros": pa.timestamp("us", tz="UTC"),
    "timestamp-nanos": pa.timestamp("ns", tz="UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "local-timestamp-nanos": pa.timestamp("ns"),
    "uuid": pa.string(),
    "duration": DURATION,
}


def arrow_type(node: Node) -> pa.DataType:
    """Return the Arrow type for values of an Avro type.

    A union of several types is a struct with one member per branch, called like the branch; of these one is set.
    """
    match node:
        case Scalar():
            return _logical(node.logical) if node.logical else _PLAIN[node.kind]
        case Fixed():
            return _logical(node.logical) if node.logical else pa.binary()
        case Enum():
            return pa.string()
        case ArrayOf():
            return pa.list_(arrow_type(node.item))
        case MapOf():
            return pa.map_(pa.string(), arrow_type(node.value))
        case Record():
            return pa.struct([pa.field(field.name, arrow_type(field.node)) for field in node.fields])
        case Union():
            return _union(node)


def _union(union: Union) -> pa.DataType:
    if sole := sole_branch(union):
        return arrow_type(sole)
    present = [branch for branch in union.branches if branch.node != NULL]
    return pa.struct([pa.field(b.name, arrow_type(b.node)) for b in present]) if present else pa.null()


def _logical(logical: Logical) -> pa.DataType:
    if logical.name != "decimal":
        return _LOGICAL[logical.name]
    if logical.precision > MAX_DIGITS:
        return pa.string()
    kind = pa.decimal128 if logical.precision <= 38 else pa.decimal256
    return kind(logical.precision, logical.scale)
