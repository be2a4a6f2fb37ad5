"""Avro schemas that are refused, bytes that are no record, and what becomes of unions, durations and long decimals."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from sinks.schema import ColumnHints
from stream.config.models import Limits
from stream.decode.avro.reader import AvroReader
from stream.decode.halving import ReadRecords
from stream.decode.readers import UnusableSchema
from stream.decode.varints import write_long
from stream.model.schemas import Reference, WriterSchema
from support.avro import written

LONG = {"type": "record", "name": "R", "fields": [{"name": "x", "type": "long"}]}


def reader(schema: Any, *references: Reference, limits: Limits | None = None) -> AvroReader:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return AvroReader(WriterSchema("avro", text, references), limits or Limits())


def record(kind: Any) -> Any:
    return {"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]}


def values(result: ReadRecords) -> list[Any]:
    return [value for _, array in result.arrays for value in array.to_pylist()]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "not JSON"),
        ('"nothing"', "not defined"),
        (record({"type": "array", "items": "null"}), "items that take no bytes"),
        (record({"type": "map", "values": {"type": "record", "name": "E", "fields": []}}), "items that take no bytes"),
        (record({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}), "items that take no bytes"),
        (record(["null", "R"]), "contains itself"),
        (record([["null"], "int"]), "union right inside"),
        (record({"type": "enum", "name": "E", "symbols": []}), "not well formed"),
        ("[" * 100_000, "not JSON|too deeply"),
        (record("int") | {"fields": [{"name": "x", "type": "int"}] * 2}, "name of its own"),
    ],
)
def test_a_schema_that_no_columns_can_hold_is_refused(schema: Any, reason: str) -> None:
    with pytest.raises(UnusableSchema, match=reason):
        reader(schema)


def test_types_that_double_with_each_level_are_refused() -> None:
    fields = "int"
    for level in range(40):
        inner = {"name": "b", "type": f"R{level}"}
        fields = {"type": "record", "name": f"R{level}", "fields": [{"name": "a", "type": fields}]}
        fields = {"type": "record", "name": f"S{level}", "fields": [{"name": "a", "type": fields}, inner]}
    with pytest.raises(UnusableSchema):
        reader(fields)


def test_a_schema_with_too_many_values_is_refused() -> None:
    wide = {"type": "record", "name": "R", "fields": [{"name": f"f{n}", "type": "int"} for n in range(11)]}
    with pytest.raises(UnusableSchema, match="max_keys"):
        reader(wide, limits=Limits(max_keys=10))


def test_named_types_come_from_references() -> None:
    item = Reference("shop.Item", json.dumps({**LONG, "name": "Item", "namespace": "shop"}))
    read = reader({**record("shop.Item"), "namespace": "shop"}, item).read
    assert values(read([b"\x04"])) == [{"x": {"x": 2}}]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x80",
        b"\x02\x02",
        b"\xff" * 11 + b"\x01",
        b"\x80" * 10 + b"\x00",
        b"\xff" * 9 + b"\x02",
    ],
)
def test_bytes_that_are_not_exactly_one_record_are_told_and_harm_no_neighbour(payload: bytes) -> None:
    result = reader(LONG).read([b"\x02"] * 20 + [payload] + [b"\x04"] * 20)
    assert list(result.errors) == [20]
    assert values(result) == [{"x": 1}] * 20 + [{"x": 2}] * 20


def test_a_count_of_billions_ends_at_once() -> None:
    array = record({"type": "array", "items": "int"})
    bombs = [b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80\x20\x00", b"\xff\xff\xff\xff\xff\x3f\x00"]
    assert list(reader(array).read(bombs).errors) == [0, 1, 2]


def test_the_branches_of_a_union_are_told_apart_by_name() -> None:
    schema = record(["null", "long", "string"])
    payloads = [b"\x00", b"\x02\x0e", b"\x04\x02a"]
    assert values(reader(schema).read(payloads)) == [
        {"x": None},
        {"x": {"long": 7, "string": None}},
        {"x": {"long": None, "string": "a"}},
    ]


def test_a_value_out_of_the_range_of_its_type_is_told() -> None:
    schema = record({"type": "long", "logicalType": "time-micros"})
    result = reader(schema).read([b"\x02", b"\x01"])
    assert "range of its type" in result.errors[1]


def test_a_record_at_the_top_may_be_null() -> None:
    result = reader(["null", LONG]).read([b"\x00", b"\x02\x02"])
    assert values(result) == [None, {"x": 1}]


def test_a_decimal_of_more_digits_than_arrow_has_is_text() -> None:
    schema = record({"type": "bytes", "logicalType": "decimal", "precision": 100, "scale": 3})
    payload = written({**record("bytes")}, {"x": (10**80 + 1).to_bytes(34, "big")})
    (array,) = [array for _, array in reader(schema).read([payload]).arrays]
    assert array.type == pa.struct([pa.field("x", pa.string())])
    assert array.to_pylist() == [{"x": "1" + "0" * 76 + "0.001"}]


@pytest.mark.parametrize("logical", ["timestamp-millis", "timestamp-micros", "local-timestamp-micros"])
def test_a_year_that_no_calendar_has_is_told_both_ways(logical: str) -> None:
    schema = record({"type": "long", "logicalType": logical})
    far = written(record("long"), {"x": 2**62})
    for count in (1, 30):
        result = reader(schema).read([b"\x02"] * count + [far])
        assert "years 1 to 9999" in result.errors[count]


def test_a_list_of_nulls_in_the_place_of_wide_records_is_refused_before_it_takes_the_memory() -> None:
    wide = {"type": "record", "name": "Wide", "fields": [{"name": f"f{n}", "type": "long"} for n in range(1_000)]}
    bomb = write_long(10**6) + b"\0" * 10**6 + b"\0"
    result = reader(record({"type": "array", "items": ["null", wide]})).read([bomb] * 20 + [b"\x02\0\0"])
    assert list(result.errors) == list(range(20))
    assert values(result) == [{"x": [None]}]


DESCRIBED = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long", "doc": "the order's number"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "customer", "type": ["null", {"type": "record", "name": "C", "fields": [
            {"name": "mail", "type": "string", "doc": "where bills go"}]}]},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [
            {"name": "sku", "type": "string"}]}}},
    ],
}  # fmt: skip


def test_what_a_schema_says_of_fields_is_told_by_their_paths() -> None:
    said = AvroReader(WriterSchema("avro", json.dumps(DESCRIBED)), Limits()).described
    assert said["id",] == ColumnHints(required=True, description="the order's number")
    assert said["note",] == ColumnHints()
    assert said["customer", "mail"] == ColumnHints(description="where bills go")
    assert said["lines", "sku"] == ColumnHints(required=True)
