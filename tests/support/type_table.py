"""What becomes of each type, tried: one record of each type through decoder, normalizer and evolver, told as a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import fastavro
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

import stream
from checkpoints import OffsetRange, Partition
from sinks import Schema
from sinks.memory import CAPABILITIES
from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, decimal
from sinks.sql.dialect import DUCKDB, POSTGRES
from stream.config.models import Config, Kafka
from stream.config.topics import Topic
from stream.decode.protobuf.compile import descriptors_of
from stream.model import PartitionRecords, RawBatch
from stream.model.identifiers import is_system
from stream.model.schemas import WriterSchema
from stream.runtime.prepare import Preparer
from support.avro import written

PLACE: Final = Partition("t", 0)
_HEAD: Final = """# What becomes of each type

Made by `tests/support/type_table.py` from one record of each type, put through decoder, normalizer and evolver; a test
holds this page against it. The field is called `x`, its table `t`. Settings are the defaults: hints and
`preferred_types` give other types ([contracts.md](contracts.md)), and a value that its column cannot hold goes to a
variant (`x__v_text`).
"""

_JSON: Final = {
    "`true`": b"true",
    "`7`": b"7",
    "`9223372036854775808` (beyond 64 bits)": b"9223372036854775808",
    "`2.5`": b"2.5",
    '`"abc"`': b'"abc"',
    '`"2026-01-02T03:04:05Z"`': b'"2026-01-02T03:04:05Z"',
    '`"2026-01-02"`': b'"2026-01-02"',
    '`"2026-01-02T03:04:05.123456789Z"`': b'"2026-01-02T03:04:05.123456789Z"',
    "`null`": b"null",
    '`{"a": 1}`': b'{"a": 1}',
    "`[1, 2]`": b"[1, 2]",
    '`[{"a": 1}]`': b'[{"a": 1}]',
    "`[[1]]`": b"[[1]]",
    "`{}`, `[]`": b"{}",
}

_AVRO: Final[Mapping[str, tuple[Any, Any]]] = {
    "`boolean`": ("boolean", True),
    "`int`": ("int", 1),
    "`long`": ("long", 1),
    "`float`": ("float", 1.5),
    "`double`": ("double", 1.5),
    "`string`": ("string", "2026-01-02T03:04:05Z"),
    "`bytes`": ("bytes", b"a"),
    "`fixed`": ({"type": "fixed", "name": "F", "size": 2}, b"ab"),
    "`enum`": ({"type": "enum", "name": "E", "symbols": ["A"]}, "A"),
    "`uuid`": ({"type": "string", "logicalType": "uuid"}, "2f1e4f2a-8f5c-4c53-b6d0-5a6f4d6a0001"),
    "`decimal(10,2)`": ({"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}, b"\x01"),
    "`decimal(50,2)`": ({"type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 2}, b"\x01"),
    "`date`": ({"type": "int", "logicalType": "date"}, 1),
    "`time-millis`": ({"type": "int", "logicalType": "time-millis"}, 1),
    "`time-micros`": ({"type": "long", "logicalType": "time-micros"}, 1),
    "`timestamp-millis`": ({"type": "long", "logicalType": "timestamp-millis"}, 1),
    "`timestamp-micros`": ({"type": "long", "logicalType": "timestamp-micros"}, 1),
    "`timestamp-nanos`": ({"type": "long", "logicalType": "timestamp-nanos"}, 1_000),
    "`local-timestamp-micros`": ({"type": "long", "logicalType": "local-timestamp-micros"}, 1),
    "`duration`": ({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}, bytes(12)),
    "record": ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}, {"a": 1}),
    "array of `long`": ({"type": "array", "items": "long"}, [1]),
    "map of `long`": ({"type": "map", "values": "long"}, {"a": 1}),
    "`null` or `long`, null": (["null", "long"], None),
    "`long` or `string`": (["long", "string"], 1),
}

_PROTOBUF: Final[Mapping[str, tuple[str, Any]]] = {
    "`int32`, `sint32`, `sfixed32`, `uint32`": ("int32 x", 1),
    "`int64`, `sint64`, `sfixed64`": ("int64 x", 1),
    "`uint64`, `fixed64`": ("uint64 x", 1),
    "`float`": ("float x", 1.5),
    "`double`": ("double x", 1.5),
    "`bool`": ("bool x", True),
    "`string`": ("string x", "a"),
    "`bytes`": ("bytes x", "YQ=="),
    "enum": ("E x", "A"),
    "message": ("M x", {"a": 1}),
    "`repeated int64`": ("repeated int64 x", [1]),
    "`map<string, int64>`": ("map<string, int64> x", {"a": 1}),
    "`google.protobuf.Timestamp`": ("google.protobuf.Timestamp x", "2026-01-02T03:04:05Z"),
    "`google.protobuf.Duration`": ("google.protobuf.Duration x", "1.5s"),
    "`google.protobuf.Int64Value`": ("google.protobuf.Int64Value x", 1),
    "`google.protobuf.Struct`": ("google.protobuf.Struct x", {"a": 1}),
}

_CONNECT: Final[Mapping[str, tuple[str, Any]]] = {
    "org.apache.kafka.connect.data.Decimal": ("bytes", base64.b64encode(b"\x01").decode()),
    "org.apache.kafka.connect.data.Date": ("int32", 1),
    "org.apache.kafka.connect.data.Time": ("int32", 1),
    "org.apache.kafka.connect.data.Timestamp": ("int64", 1),
    "io.debezium.time.Date": ("int32", 1),
    "io.debezium.time.MicroTime": ("int64", 1),
    "io.debezium.time.NanoTime": ("int64", 1_000),
    "io.debezium.time.Timestamp": ("int64", 1),
    "io.debezium.time.MicroTimestamp": ("int64", 1),
    "io.debezium.time.NanoTimestamp": ("int64", 1_000),
    "io.debezium.time.ZonedTimestamp": ("string", "2026-01-02T03:04:05Z"),
    "io.debezium.data.Json": ("string", '{"a": 1}'),
    "io.debezium.data.Uuid": ("string", "2f1e4f2a-8f5c-4c53-b6d0-5a6f4d6a0001"),
    "io.debezium.data.Enum": ("string", "A"),
}

_PYTHON: Final[Mapping[str, Any]] = {
    "`bool`": True,
    "`int`": 1,
    "`int` beyond 64 bits": 2**64,
    "`float`": 1.5,
    "`Decimal`": Decimal("1.50"),
    "`str`": "abc",
    "`bytes`": b"a",
    "`datetime`": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "`date`": date(2026, 1, 2),
    "`time`": time(3, 4, 5),
    "`UUID`": UUID("2f1e4f2a-8f5c-4c53-b6d0-5a6f4d6a0001"),
    "`dict`": {"a": 1},
    "`list`": [1],
}

_JSON_TOPIC: Final = Topic()


def page(folder: Path) -> str:
    """Return the page; `folder` is for schema files and for a pipeline's packages."""
    return "\n".join(
        (
            _HEAD,
            *_section("Columns", ("column", "PostgreSQL", "DuckDB", "Arrow"), _columns()),
            *_section("JSON", ("value", "becomes"), _json()),
            *_section("Avro", ("type", "becomes"), _avro(folder)),
            *_section("Protobuf", ("type", "becomes"), _protobuf(folder)),
            *_section("Debezium (JSON, and the same types in Avro)", ("name of the schema", "becomes"), _debezium()),
            *_section("Text and bytes", ("format", "becomes"), _plain()),
            *_section("Python values, for `run(data)`", ("type", "becomes"), _python(folder)),
        )
    )


def _section(title: str, header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _columns() -> Iterator[tuple[str, ...]]:
    for kind in (TEXT, BIGINT, DOUBLE, BOOL, TIMESTAMP, DATE, TIME, BINARY, decimal(38, 9), JSON):
        yield str(kind), f"`{POSTGRES.type_name(kind)}`", f"`{DUCKDB.type_name(kind)}`", f"`{kind.arrow}`"


def _json() -> Iterator[tuple[str, str]]:
    for label, value in _JSON.items():
        yield label, _told(_schema(b'{"x": ' + value + b"}"))


def _avro(folder: Path) -> Iterator[tuple[str, str]]:
    file = folder / "t.avsc"
    for label, (kind, value) in _AVRO.items():
        schema = {"type": "record", "name": "T", "fields": [{"name": "x", "type": kind}]}
        file.write_text(json.dumps(schema))
        record = written(fastavro.parse_schema(_without_logical(schema)), {"x": value})
        yield label, _told(_schema(record, Topic(format="avro", schema_file=file)))


def _without_logical(schema: Any) -> Any:
    match schema:
        case dict():
            return {key: _without_logical(value) for key, value in schema.items() if key != "logicalType"}
        case list():
            return [_without_logical(each) for each in schema]
        case _:
            return schema


def _protobuf(folder: Path) -> Iterator[tuple[str, str]]:
    """Compile all messages at once: protoc takes a fifth of a second each time."""
    messages = "\n".join(f"message T{n} {{ {field} = 1; }}" for n, (field, _) in enumerate(_PROTOBUF.values()))
    imports = "\n".join(
        f'import "google/protobuf/{name}.proto";' for name in ("timestamp", "duration", "wrappers", "struct")
    )
    text = f'syntax = "proto3";\n{imports}\nenum E {{ N = 0; A = 1; }}\nmessage M {{ int64 a = 1; }}\n{messages}\n'
    file = folder / "t.proto"
    file.write_text(text)
    pool, _ = descriptors_of(WriterSchema("protobuf", text))
    for number, (label, (_, value)) in enumerate(_PROTOBUF.items()):
        message = GetMessageClass(pool.FindMessageTypeByName(f"T{number}"))()
        record = ParseDict({"x": value}, message).SerializeToString()
        topic = Topic(format="protobuf", schema_file=file, message=f"T{number}")
        yield label, _told(_schema(record, topic))


def _debezium() -> Iterator[tuple[str, str]]:
    for name, (kind, value) in _CONNECT.items():
        field = {
            "field": "x",
            "type": kind,
            "name": name,
            "optional": True,
            "parameters": {"scale": "2", "connect.decimal.precision": "10"},
        }
        row = {"type": "struct", "fields": [field], "optional": True}
        schema = {"type": "struct", "fields": [{**row, "field": "before"}, {**row, "field": "after"}]}
        payload = {"before": None, "after": {"x": value}, "source": {"connector": "postgresql"}, "op": "c", "ts_ms": 1}
        record = json.dumps({"schema": schema, "payload": payload}, separators=(",", ":")).encode()
        yield f"`{name}`", _told(_schema(record, Topic(format="debezium"), key=b'{"id": 1}'))


def _plain() -> Iterator[tuple[str, str]]:
    for name in ("text", "bytes"):
        yield f"`{name}`", _told(_schema(b"abc", Topic(format=name)))


def _python(folder: Path) -> Iterator[tuple[str, str]]:
    for number, (label, value) in enumerate(_PYTHON.items()):
        made = stream.pipeline("types", folder / "work", destination="memory", dataset_name=f"types{number}")
        made.drop().run([{"x": value}], table_name="t")
        yield label, _told(made.default_schema)


def _schema(value: bytes, topic: Topic = _JSON_TOPIC, *, key: bytes | None = None) -> Schema:
    """Return the schema that one record makes."""
    preparer = Preparer(Config(kafka=Kafka(topics=("t",)), topics={"t": topic}), CAPABILITIES)
    part = PartitionRecords(OffsetRange(PLACE, 0, 1), range(1), [-1], [key], [value])
    decoded = preparer.decode(RawBatch((part,)))
    assert not decoded.rejects, decoded.rejects
    return preparer.evolve(Schema(), preparer.normalize(decoded.documents, Schema(), "load")).plan.target


def _told(schema: Schema) -> str:
    """Return the columns of all tables, those of the root first, as a person would say it."""
    parts = []
    for table in schema.tables.values():
        own = [c for c in table.columns.values() if not (is_system(c.name) or c.name.startswith("_cdc_"))]
        columns = ", ".join(str(c.type) if c.name == "x" else f"`{c.name}` {c.type}" for c in own)
        if table.parent is None:
            parts += [columns] if columns else []
        else:
            parts.append(f"table `{table.name}`: {columns or 'its child table'}")
    return "; ".join(parts) or "no column"
