"""Protobuf schemas as text become readers; each kind of field becomes the value that was written."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from stream.config.models import Limits
from stream.decode.halving import ReadRecords
from stream.decode.protobuf.compile import descriptors_of
from stream.decode.protobuf.reader import ProtobufReader
from stream.decode.readers import UnusableSchema
from stream.model.schemas import Reference, WriterSchema

ORDER = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "shop/item.proto";
message Other { int32 x = 1; }
message Order {
  enum State { NEW = 0; PAID = 1; }
  message Line { string sku = 1; }
  int64 id = 1;
  uint64 big = 2;
  double total = 3;
  string name = 4;
  bytes data = 5;
  State state = 6;
  google.protobuf.Timestamp placed = 7;
  google.protobuf.Duration took = 8;
  google.protobuf.Int32Value maybe = 9;
  optional int32 given = 10;
  repeated Line lines = 11;
  map<string, int32> counts = 12;
  oneof payment { string card = 13; int64 voucher = 14; }
  google.protobuf.Struct extra = 15;
  Item item = 16;
  repeated int32 numbers = 17;
}
"""
ITEM = 'syntax = "proto3"; package shop; message Item { string sku = 1; }'
SCHEMA = WriterSchema("protobuf", ORDER, (Reference("shop/item.proto", ITEM),))


@pytest.fixture(scope="module")
def order() -> Any:
    pool, _ = descriptors_of(SCHEMA)
    return GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


@pytest.fixture(scope="module")
def orders() -> ProtobufReader:
    return ProtobufReader(SCHEMA, Limits(), message="shop.Order")


def read_one(reader: ProtobufReader, payload: bytes) -> Any:
    result = reader.read([payload])
    assert result.errors == {}
    return values(result)[0]


def values(result: ReadRecords) -> list[Any]:
    return [value for _, array in result.arrays for value in array.to_pylist()]


def test_each_kind_of_field_becomes_its_value(orders: ProtobufReader, order: Any) -> None:
    message = order(
        id=-1, big=2**64 - 1, total=1.5, name="ä", data=b"\0", state=1, given=0, voucher=7, numbers=[1, 2],
        lines=[{"sku": "a"}], counts={"b": 2, "a": 1}, item={"sku": "c"},
    )  # fmt: skip
    message.placed.FromDatetime(datetime(2026, 11, 25, 1, 2, 3, 4, tzinfo=UTC))
    message.took.seconds = 90
    message.maybe.value = 0
    message.extra.update({"k": [1, None]})
    assert read_one(orders, message.SerializeToString()) == {
        "id": -1, "big": 2**64 - 1, "total": 1.5, "name": "ä", "data": b"\0", "state": "PAID",
        "placed": datetime(2026, 11, 25, 1, 2, 3, 4, tzinfo=UTC), "took": Decimal("90.000000000"), "maybe": 0,
        "given": 0, "lines": [{"sku": "a"}], "counts": [("a", 1), ("b", 2)], "card": None, "voucher": 7,
        "extra": '{"k": [1.0, null]}', "item": {"sku": "c"}, "numbers": [1, 2],
    }  # fmt: skip


def test_what_is_not_there_is_null_where_protobuf_tells_it_from_zero(orders: ProtobufReader) -> None:
    empty = read_one(orders, b"")
    assert {name for name, value in empty.items() if value is None} == {
        "placed", "took", "maybe", "given", "card", "voucher", "extra", "item",
    }  # fmt: skip
    assert (empty["id"], empty["name"], empty["state"]) == (0, "", "NEW")


def test_a_time_finer_than_a_microsecond_keeps_its_nanoseconds(orders: ProtobufReader, order: Any) -> None:
    payloads = [order(placed={"seconds": 1, "nanos": nanos}).SerializeToString() for nanos in (1_000, 1_001, 2_000)]
    result = orders.read(payloads)
    assert [(list(rows), array.field("placed").cast("int64").to_pylist()) for rows, array in result.arrays] == [
        ([0, 2], [1_000_001, 1_000_002]),
        ([1], [1_000_001_001]),
    ]


def test_an_unknown_symbol_is_its_number(orders: ProtobufReader) -> None:
    assert read_one(orders, b"\x30\x09")["state"] == "9"


def test_bytes_that_are_no_message_are_told_and_harm_no_neighbour(orders: ProtobufReader) -> None:
    result = orders.read([b"\x08\x02"] * 20 + [b"\x08", b"\x22\x7fa", b"\x22\x01\xff"] + [b"\x08\x04"] * 20)
    assert sorted(result.errors) == [20, 21, 22]
    assert len(values(result)) == 40


def test_the_indexes_in_front_name_the_message_type() -> None:
    reader = ProtobufReader(SCHEMA, Limits())
    result = reader.read(
        [b"\x00\x08\x02", b"\x02\x02\x08\x04", b"\x04\x02\x00\x0a\x01a", b"\x02\x08", b"\x04\x02", b""]
    )
    assert values(result)[0] == {"x": 2}
    assert values(result)[1]["id"] == 4
    assert values(result)[2] == {"sku": "a"}
    assert sorted(result.errors) == [3, 4, 5]


def test_a_descriptor_in_base64_is_taken_as_it_is() -> None:
    _, file = descriptors_of(WriterSchema("protobuf", ITEM))
    text = base64.b64encode(file.SerializeToString()).decode()
    assert read_one(ProtobufReader(WriterSchema("protobuf", text), Limits()), b"\x00\x0a\x01a") == {"sku": "a"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("message {", "protoc refuses"),
        ('syntax = "proto3"; import "missing.proto";', "protoc refuses"),
        ("", "no such message type"),
    ],
)
def test_a_schema_that_protoc_refuses_is_told(text: str, reason: str) -> None:
    try:
        errors = ProtobufReader(WriterSchema("protobuf", text), Limits()).read([b"\x00"]).errors
    except UnusableSchema as error:
        errors = {0: str(error)}
    assert reason in errors[0]


@pytest.mark.parametrize("name", ["../../tmp/a.proto", "/etc/passwd", "", "a\0.proto", "x/../../y.proto"])
def test_an_import_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(UnusableSchema, match="no path of a file below"):
        descriptors_of(WriterSchema("protobuf", ITEM, (Reference(name, ITEM),)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('syntax = "proto3"; message A { A a = 1; }', "contains itself"),
        ('syntax = "proto2"; message A { optional group G = 1 { optional int32 x = 1; } }', "group"),
    ],
)
def test_a_message_that_no_columns_can_hold_is_refused(text: str, reason: str) -> None:
    errors = ProtobufReader(WriterSchema("protobuf", text), Limits()).read([b"\x00"]).errors
    assert reason in errors[0]


def test_a_missing_required_field_is_told() -> None:
    text = 'syntax = "proto2"; message A { required int32 x = 1; optional int32 y = 2 [default = 5]; }'
    result = ProtobufReader(WriterSchema("protobuf", text), Limits()).read([b"\x00", b"\x00\x08\x01"])
    assert "required" in result.errors[0]
    assert values(result) == [{"x": 1, "y": None}]
