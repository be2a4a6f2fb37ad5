"""Types that Connect and Debezium write as numbers and texts, by the names of their schemas, as real types.

The names and encodings are those of Debezium's documentation ("Data types") and of
`org.apache.kafka.connect.data`. A value that is not what its schema says stays what it is.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from stream.model.tables import Array

Convert: TypeAlias = Callable[[Array], Array]

_TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
_MOST_DIGITS: Final = 38


def conversions(schema: Mapping[str, Any]) -> dict[str, Convert]:
    """Return how to convert the columns of a row, by name, from a schema of Connect or from an Avro schema.

    `schema` is that of an envelope, whose row is the field `after`, or that of a row itself.
    """
    fields = list(_fields(schema))
    rows = [kind for name, kind in fields if name == "after"]
    if rows:
        fields = list(_fields(rows[0]))
    found = ((name, _convert(kind)) for name, kind in fields)
    return {name: convert for name, convert in found if convert is not None}


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the fields of a record with their schemas: Connect's `field`, Avro's `name` and `type`."""
    for each in schema.get("fields", ()):
        if "field" in each:
            yield each["field"], each
        else:
            yield each["name"], _avro(each["type"])


def _avro(kind: Any) -> Mapping[str, Any]:
    if isinstance(kind, list):
        kind = next((branch for branch in kind if branch != "null"), "null")
    if not isinstance(kind, Mapping):
        return {}
    name = kind.get("connect.name")
    return {**kind, "name": name} if name else kind


def _convert(schema: Mapping[str, Any]) -> Convert | None:
    name = str(schema.get("name", ""))
    if name == "org.apache.kafka.connect.data.Decimal":
        parameters = schema.get("parameters") or {}
        scale, precision = int(parameters.get("scale", 0)), parameters.get("connect.decimal.precision")
        return lambda values: _decimals(values, scale, int(precision) if precision else None)
    if schema.get("type") == "bytes" and not name:
        return _from_base64
    return _BY_NAME.get(name)


def _epoch(unit: int, to: pa.DataType, step: pa.DataType) -> Convert:
    """Return what turns integers, each `unit` of the type's own units, into `to`; beyond 64 bits they stay."""

    def convert(values: Array) -> Array:
        if not pa.types.is_integer(values.type):
            return values
        try:
            scaled = pc.multiply_checked(values.cast(pa.int64()), pa.scalar(unit, pa.int64()))
            return scaled.cast(step).cast(to)
        except pa.ArrowInvalid:
            return values

    return convert


def _nanos(to: pa.DataType, step: pa.DataType) -> Convert:
    """Return what turns nanoseconds into microseconds where nothing is lost by it."""
    convert = _epoch(1, to, step)

    def exact(values: Array) -> Array:
        if not pa.types.is_integer(values.type):
            return values
        micros = pc.divide(values, pa.scalar(1_000, pa.int64()))
        whole = pc.all(pc.equal(pc.multiply(micros, pa.scalar(1_000, pa.int64())), values)).as_py()
        return convert(micros) if whole in (True, None) else values

    return exact


def _days(values: Array) -> Array:
    if not pa.types.is_integer(values.type):
        return values
    try:
        return values.cast(pa.int32()).cast(pa.date32())
    except pa.ArrowInvalid:
        return values


def _from_base64(values: Array) -> Array:
    """Return the bytes that Connect's JSON has as base64."""
    if not pa.types.is_string(values.type):
        return values  # Avro has them as bytes already
    try:
        texts: list[Any] = values.to_pylist()
        return pa.array(
            [None if text is None else base64.b64decode(text, validate=True) for text in texts], pa.binary()
        )
    except ValueError:
        return values


def _decimals(values: Array, scale: int, precision: int | None) -> Array:
    if not pa.types.is_string(values.type):
        return values  # Avro has them as decimals already
    try:
        numbers = [None if text is None else _unscaled(text, scale) for text in values.to_pylist()]
        kind = pa.decimal128(precision, scale) if precision and precision <= _MOST_DIGITS else None
        return pa.array(numbers, kind)
    except (ValueError, pa.ArrowInvalid):
        return values


def _unscaled(text: str, scale: int) -> Decimal:
    number = int.from_bytes(base64.b64decode(text, validate=True), "big", signed=True)
    return Decimal(number).scaleb(-scale)


def _variable_scale(values: Array) -> Array:
    if not pa.types.is_struct(values.type):
        return values
    try:
        numbers: list[Any] = values.to_pylist()
        return pa.array([None if each is None else _unscaled(each["value"], each["scale"]) for each in numbers])
    except (KeyError, TypeError, ValueError, pa.ArrowInvalid):
        return values


_TIME: Final = pa.time64("us")
_PLAIN: Final = pa.timestamp("us")
_BY_NAME: Final[Mapping[str, Convert]] = {
    "org.apache.kafka.connect.data.Date": _days,
    "org.apache.kafka.connect.data.Time": _epoch(1_000, _TIME, _TIME),
    "org.apache.kafka.connect.data.Timestamp": _epoch(1_000, _TIMESTAMP, _PLAIN),
    "io.debezium.time.Date": _days,
    "io.debezium.time.Time": _epoch(1_000, _TIME, _TIME),
    "io.debezium.time.MicroTime": _epoch(1, _TIME, _TIME),
    "io.debezium.time.NanoTime": _nanos(_TIME, _TIME),
    "io.debezium.time.Timestamp": _epoch(1_000, _TIMESTAMP, _PLAIN),
    "io.debezium.time.MicroTimestamp": _epoch(1, _TIMESTAMP, _PLAIN),
    "io.debezium.time.NanoTimestamp": _nanos(_TIMESTAMP, _PLAIN),
    "io.debezium.data.VariableScaleDecimal": _variable_scale,
}
