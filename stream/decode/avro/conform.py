"""What the native reader gives, in the types that every way of reading gives: the real names, unions by branch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from stream.decode.avro.arrow_types import arrow_type
from stream.decode.avro.exact import decimal_text, duration_of, uuid_text
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
from stream.decode.avro.sealed_schema import is_left_out

Array: TypeAlias = Any  # pyarrow's stubs know neither unions nor what a map is made of


def conform(array: Array, node: Node) -> Array:
    """Return an array of the native reader as one of `arrow_type(node)`. Raises `ValueError` for what is too large."""
    match node:
        case Scalar() | Fixed():
            return _scalar(array, node)
        case Enum():
            symbols = pa.array(node.symbols, pa.string())
            return pa.DictionaryArray.from_arrays(array.indices, symbols).cast(pa.string())
        case ArrayOf():
            items = conform(array.values, node.item)
            return pa.Array.from_buffers(arrow_type(node), len(array), array.buffers()[:2], children=[items])
        case MapOf():
            return _map(array, node)
        case Record():
            return _record(array, node)
        case Union():
            return _union(array, node) if sole_branch(node) is None else _nullable(array, node)


def _scalar(array: Array, node: Scalar | Fixed) -> Array:
    kind = arrow_type(node)
    match node.logical:
        case Logical("decimal", precision, scale) if kind == pa.string():
            return _converted(array, lambda data: decimal_text(data, precision, scale), kind)
        case Logical("uuid") if isinstance(node, Fixed):
            return _converted(array, uuid_text, kind)
        case Logical("duration"):
            return _converted(array, duration_of, kind)
        case _:
            return array if array.type == kind else array.cast(kind)


def _converted(array: Array, convert: Callable[[bytes], Any], kind: pa.DataType) -> Array:
    return pa.array([None if data is None else convert(data) for data in array.to_pylist()], kind)


def _map(array: Array, node: MapOf) -> Array:
    kind: Any = arrow_type(node)
    entries = pa.StructArray.from_arrays(
        [array.keys, conform(array.items, node.value)], fields=[kind.key_field, kind.item_field]
    )
    return pa.Array.from_buffers(kind, len(array), array.buffers()[:2], children=[entries])


def _record(array: Array, node: Record) -> Array:
    shown = iter(range(array.type.num_fields))
    children = [
        _nothing(len(array), field.node) if is_left_out(field.node) else conform(array.field(next(shown)), field.node)
        for field in node.fields
    ]
    return pa.Array.from_buffers(arrow_type(node), len(array), array.buffers()[:1], children=children)


def _nothing(count: int, node: Node) -> Array:
    """Return the values of a type without bytes: null, or records of nothing but such fields."""
    return pa.array([_empty(node)] * count, arrow_type(node))


def _empty(node: Node) -> Any:
    return {field.name: _empty(field.node) for field in node.fields} if isinstance(node, Record) else None


def _nullable(array: Array, node: Union) -> Array:
    """Return the values of the one branch that is not null; the native reader makes a union even of a union of one."""
    codes = [code for code, branch in enumerate(node.branches) if branch.node != NULL]
    if not pa.types.is_union(array.type):
        return conform(array, node.branches[codes[0]].node)
    if pc.any(pc.greater_equal(array.type_codes, pa.scalar(len(node.branches), pa.int8()))).as_py():
        raise ValueError("a union has a branch that is not in the schema")
    return _branch(array, codes[0], node.branches[codes[0]].node)


def _branch(array: Array, code: int, node: Node) -> Array:
    """Return the values of one branch in their rows, null in the others."""
    values = conform(array.field(code), node)
    if len(values) == len(array):
        return values
    places = pc.if_else(
        pc.equal(array.type_codes, pa.scalar(code, pa.int8())), array.offsets, pa.scalar(None, pa.int32())
    )
    return values.take(places)


def _union(array: Array, node: Union) -> Array:
    kind: Any = arrow_type(node)
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    branches = list(enumerate(node.branches))
    children = [_branch(array, code, branch.node) for code, branch in branches if branch.node != NULL]
    null = next((code for code, branch in branches if branch.node == NULL), None)
    missing = None if null is None else pc.equal(array.type_codes, pa.scalar(null, pa.int8()))
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=missing)
