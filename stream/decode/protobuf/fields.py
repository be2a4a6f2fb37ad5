"""Which Arrow type a Protobuf field has, and how its value is taken from a message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

import pyarrow as pa
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from stream.decode.readers import UnusableSchema

Take = Callable[[Any], Any]
Unit = Literal["us", "ns"]

MAX_FIELDS: Final = 20_000
_NANOS: Final = 1_000_000_000
_DURATION: Final = pa.decimal128(21, 9)
_SCALARS: Final[Mapping[int, pa.DataType]] = {
    FieldDescriptor.TYPE_DOUBLE: pa.float64(),
    FieldDescriptor.TYPE_FLOAT: pa.float32(),
    FieldDescriptor.TYPE_INT64: pa.int64(),
    FieldDescriptor.TYPE_SINT64: pa.int64(),
    FieldDescriptor.TYPE_SFIXED64: pa.int64(),
    FieldDescriptor.TYPE_UINT64: pa.uint64(),
    FieldDescriptor.TYPE_FIXED64: pa.uint64(),
    FieldDescriptor.TYPE_INT32: pa.int32(),
    FieldDescriptor.TYPE_SINT32: pa.int32(),
    FieldDescriptor.TYPE_SFIXED32: pa.int32(),
    FieldDescriptor.TYPE_UINT32: pa.uint32(),
    FieldDescriptor.TYPE_FIXED32: pa.uint32(),
    FieldDescriptor.TYPE_BOOL: pa.bool_(),
    FieldDescriptor.TYPE_STRING: pa.string(),
    FieldDescriptor.TYPE_BYTES: pa.binary(),
}
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_JSON: Final = frozenset(f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue"))


@dataclass(frozen=True, slots=True)
class Taker:
    """The Arrow type of a value, and how it is taken from what Protobuf gives."""

    type: pa.DataType
    take: Take


class FieldReader:
    """Makes takers for messages; times in `unit`, whose range or precision a value may exceed: `ValueError` then."""

    def __init__(self, unit: Unit, max_depth: int) -> None:
        self._unit = unit
        self._max_depth = max_depth
        self._open: list[str] = []
        self._count = 0

    def message(self, message: Descriptor) -> Taker:
        """Return how a message becomes a value. Raises `UnusableSchema` for what no set of columns can hold."""
        special = self._special(message)
        if special is not None:
            return special
        if message.full_name in self._open:
            raise UnusableSchema(f"the message {message.full_name} contains itself, which no set of columns can hold")
        if len(self._open) >= self._max_depth:
            raise UnusableSchema(f"messages are nested deeper than {self._max_depth} levels")
        self._open.append(message.full_name)
        fields = [(field.name, self._field(field)) for field in message.fields]
        self._open.pop()

        def take(value: Any) -> dict[str, Any]:
            return {name: taker.take(value) for name, taker in fields}

        return Taker(pa.struct([pa.field(name, taker.type) for name, taker in fields]), take)

    def _field(self, field: FieldDescriptor) -> Taker:
        """Return how a field's value is taken from the message that has it."""
        self._count += 1
        if self._count > MAX_FIELDS:
            raise UnusableSchema(f"the schema has more than {MAX_FIELDS:,} fields once all messages are written out")
        name = field.name
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return _map(name, *(self._value(field.message_type.fields_by_name[part]) for part in ("key", "value")))
        inner = self._value(field)
        if field.is_repeated:
            return _list(name, inner)
        if not field.has_presence:
            return Taker(inner.type, lambda message: inner.take(getattr(message, name)))
        return Taker(inner.type, lambda message: inner.take(getattr(message, name)) if message.HasField(name) else None)

    def _value(self, field: FieldDescriptor) -> Taker:
        """Return how one value of a field is taken from what Protobuf gives for it."""
        if field.type == FieldDescriptor.TYPE_GROUP:
            raise UnusableSchema(f"the field {field.full_name} is a group, which headrace does not read")
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            names = {value.number: value.name for value in reversed(field.enum_type.values)}
            return Taker(pa.string(), lambda number: names.get(number, str(number)))
        return Taker(_SCALARS[field.type], _same)

    def _special(self, message: Descriptor) -> Taker | None:
        name = message.full_name
        if name in _WRAPPERS:
            return Taker(_SCALARS[message.fields_by_name["value"].type], lambda wrapper: wrapper.value)
        if name in _JSON:
            return Taker(pa.string(), _json_text)
        match name:
            case "google.protobuf.Timestamp":
                take = _microseconds if self._unit == "us" else _nanoseconds
                return Taker(pa.timestamp(self._unit, tz="UTC"), take)
            case "google.protobuf.Duration":
                return Taker(_DURATION, _seconds)
        return None


def _same(value: Any) -> Any:
    return value


def _list(name: str, item: Taker) -> Taker:
    take = item.take
    return Taker(pa.list_(item.type), lambda message: [take(value) for value in getattr(message, name)])


def _map(name: str, key: Taker, value: Taker) -> Taker:
    """Return the entries in the order of their keys: Protobuf gives them in any."""

    def take(message: Any) -> list[tuple[Any, Any]]:
        entries = getattr(message, name)
        return [(each, value.take(entries[each])) for each in sorted(entries)]

    return Taker(pa.map_(key.type, value.type), take)


def _microseconds(timestamp: Any) -> int:
    micros, rest = divmod(_total_nanos(timestamp), 1_000)
    if rest:
        raise ValueError(f"a timestamp is finer than a microsecond: {timestamp.nanos} nanoseconds")
    return micros


def _nanoseconds(timestamp: Any) -> int:
    nanos = _total_nanos(timestamp)
    if not -(2**63) <= nanos < 2**63:
        raise ValueError(
            "a timestamp is finer than a microsecond, and another (or the same) is outside of 1678 to 2262, "
            "which 64 bits of nanoseconds cannot hold"
        )
    return nanos


def _total_nanos(value: Any) -> int:
    if not -_NANOS < value.nanos < _NANOS:
        raise ValueError(f"{value.nanos} nanoseconds are a second and more")
    total: int = value.seconds * _NANOS + value.nanos
    if not -(2**63) <= total // 1_000 < 2**63:
        raise ValueError(f"{value.seconds} seconds are beyond the range of timestamps")
    return total


def _seconds(duration: Any) -> Decimal:
    return Decimal(_total_nanos(duration)).scaleb(-9)


def _json_text(message: Any) -> str:
    try:
        return json.dumps(json_format.MessageToDict(message), ensure_ascii=False, sort_keys=True, allow_nan=False)
    except (json_format.Error, RecursionError) as error:
        raise ValueError(f"a google.protobuf.Value that is no JSON: {error}") from error
