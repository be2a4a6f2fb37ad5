"""What decoding costs per record in each format, for the same orders, in CPU time on one thread.

python -m benchmarks.micro_formats [records]
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import fastavro

from benchmarks.micro_decode import ROUNDS, _raw, _seconds
from benchmarks.workload import orders
from stream.config.models import Limits
from stream.decode import DecoderOptions, decoder_for
from stream.decode.avro import reader as avro
from stream.decode.protobuf.compile import descriptors_of
from stream.model.schemas import Schemas, WriterSchema

AVRO: dict[str, Any] = {
    "type": "record", "name": "Order", "fields": [
        {"name": "order_id", "type": "long"},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "status", "type": "string"},
        {"name": "currency", "type": "string"},
        {"name": "total", "type": "double"},
        {"name": "gift", "type": "boolean"},
        {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [
            {"name": "id", "type": "long"},
            {"name": "name", "type": "string"},
            {"name": "email", "type": "string"},
            {"name": "address", "type": {"type": "record", "name": "Address", "fields": [
                {"name": "city", "type": "string"}, {"name": "zip", "type": "string"}]}},
        ]}},
        {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
            {"name": "sku", "type": "string"},
            {"name": "name", "type": "string"},
            {"name": "quantity", "type": "long"},
            {"name": "price", "type": "double"},
        ]}}},
    ],
}  # fmt: skip
PROTOBUF = """syntax = "proto3";
message Order {
  message Address { string city = 1; string zip = 2; }
  message Customer { int64 id = 1; string name = 2; string email = 3; Address address = 4; }
  message Item { string sku = 1; string name = 2; int64 quantity = 3; double price = 4; }
  int64 order_id = 1; int64 placed_at = 2; string status = 3; string currency = 4; double total = 5; bool gift = 6;
  Customer customer = 7; repeated Item items = 8;
}"""
FRAME = b"\0\0\0\0\x01"


def events(count: int) -> list[dict[str, Any]]:
    """Return the orders of the workload as Python values, times as Avro has them."""
    found = [json.loads(event) for event, _ in orders(count)]
    return [{**each, "placed_at": datetime.fromisoformat(each["placed_at"])} for each in found]


def avro_records(values: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return the orders as Avro, without frames."""
    schema = fastavro.parse_schema(AVRO)
    records = []
    for value in values:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, value)
        records.append(out.getvalue())
    return records


def protobuf_records(values: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return the orders as Protobuf, each with the index of its message type."""
    from google.protobuf.message_factory import GetMessageClass

    pool, _ = descriptors_of(WriterSchema("protobuf", PROTOBUF))
    message = GetMessageClass(pool.FindMessageTypeByName("Order"))
    return [
        b"\0" + message(**{**value, "placed_at": int(value["placed_at"].timestamp() * 1000)}).SerializeToString()
        for value in values
    ]


def main(count: int) -> None:
    """Print records per second of each format, and of fastavro alone."""
    json_values = [event for event, _ in orders(count)]
    values = events(count)
    in_avro, in_protobuf = avro_records(values), protobuf_records(values)
    parsed = fastavro.parse_schema(AVRO)
    base = _report("json", count, _decoding("json", json_values, {}))
    _report("json-schema", count, _decoding("json-schema", _framed(json_values), {}), base)
    schemas: Schemas = {1: WriterSchema("avro", json.dumps(AVRO))}
    _report("avro, native", count, _decoding("avro", _framed(in_avro), schemas), base)
    native, avro.native_reader = avro.native_reader, lambda: None
    _report("avro, exact", count, _decoding("avro", _framed(in_avro), schemas), base)
    avro.native_reader = native
    _report(
        "fastavro, to Python values", count,
        lambda: [fastavro.schemaless_reader(io.BytesIO(value), parsed) for value in in_avro], base,
    )  # fmt: skip
    schemas = {1: WriterSchema("protobuf", PROTOBUF)}
    _report("protobuf", count, _decoding("protobuf", _framed(in_protobuf), schemas), base)


def _framed(values: Sequence[bytes]) -> list[bytes]:
    return [FRAME + value for value in values]


def _decoding(name: str, values: list[bytes], schemas: Schemas) -> Callable[[], object]:
    decoder, raw = decoder_for(name)(DecoderOptions(Limits(), table_of=str)), _raw(values)
    assert not decoder.decode(raw, schemas).rejects
    return lambda: (decoder.wants(raw), decoder.decode(raw, schemas))


def _report(name: str, count: int, step: Callable[[], object], base: float | None = None) -> float:
    rate = count / min(_seconds(step) for _ in range(ROUNDS))
    ratio = "" if base is None else f"{rate / base:6.2f} of json"
    print(f"{name:32} {1e6 / rate:6.2f} us/record {rate:12,.0f} records/s {ratio}")
    return rate


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
