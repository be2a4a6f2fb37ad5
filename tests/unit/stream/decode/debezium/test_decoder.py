"""Envelopes of Debezium: the rows, deletes, rejects and counts that they become."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from checkpoints import OffsetRange, Partition
from stream.config.models import Limits
from stream.decode import DecoderOptions, decoder_for
from stream.model import Decoded, PartitionRecords, RawBatch
from stream.model.schemas import NO_SCHEMAS, WriterSchema
from stream.normalize import Names, normalize
from support.avro import written

ORDERS = Partition("cdc.shop.orders", 0)
SOURCE = {"connector": "postgresql", "ts_ms": 1_700_000_000_123, "lsn": 42}
KEY = {"id": 7}


def envelope(op: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    return {"before": before, "after": after, "source": SOURCE, "op": op, "ts_ms": 1, **more}


def unscaled(number: int) -> str:
    return base64.b64encode(number.to_bytes(4, "big", signed=True)).decode()


def decoded(*records: tuple[Any, Any]) -> Decoded:
    keys = [None if key is None else json.dumps(key, separators=(",", ":")).encode() for key, _ in records]
    values = [None if value is None else json.dumps(value, separators=(",", ":")).encode() for _, value in records]
    count = len(records)
    part = PartitionRecords(OffsetRange(ORDERS, 0, count), range(count), [-1] * count, keys, values)
    decoder = decoder_for("debezium")(DecoderOptions(Limits(), table_of=lambda topic: "orders"))
    return decoder.decode(RawBatch((part,)), NO_SCHEMAS)


def rows(found: Decoded) -> list[dict[str, Any]]:
    tables = normalize(found.documents, names=Names(), load_id="l")
    listed = [row for table in tables if table.parent is None for chunk in table.chunks for row in chunk.to_pylist()]
    return sorted(listed, key=lambda row: row["_kafka_offset"])


def schema_of(*fields: dict[str, Any]) -> dict[str, Any]:
    row = {"type": "struct", "fields": list(fields)}
    return {"type": "struct", "fields": [{**row, "field": "before"}, {**row, "field": "after"}]}


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_a_write_becomes_the_row_as_it_is_afterwards(op: str) -> None:
    (row,) = rows(decoded((KEY, envelope(op, {"id": 7, "n": 1}, {"id": 7, "n": 2}))))
    assert (row["id"], row["n"], row["_cdc_op"], row["_cdc_deleted"]) == (7, 2, op, False)
    assert (row["_cdc_source_position"], row["_cdc_source_ts"]) == (42, datetime(2023, 11, 14, 22, 13, 20, 123000, UTC))


def test_a_delete_becomes_the_key_and_nothing_of_what_debezium_invents() -> None:
    invented = {"id": 7, "customer": "", "created": 0}
    (row,) = rows(decoded((KEY, envelope("d", invented))))
    assert (row["id"], row["_cdc_deleted"], "customer" in row) == (7, True, False)


def test_the_tombstone_after_a_delete_is_counted() -> None:
    found = decoded((KEY, envelope("d", {"id": 7})), (KEY, None))
    assert (len(rows(found)), found.skipped[ORDERS]) == (1, {"tombstone": 1})


def test_a_delete_without_a_key_is_set_aside() -> None:
    found = decoded((None, envelope("d", {"id": 7})))
    assert [(reject.reason, reject.offset) for reject in found.rejects] == [("no_key", 0)]


def test_a_value_that_the_database_did_not_send_sets_the_record_aside_and_no_other() -> None:
    whole = {"id": 8, "text": "there"}
    found = decoded((KEY, envelope("u", None, {"id": 7, "text": "__debezium_unavailable_value"})),
                    ({"id": 8}, envelope("u", None, whole)))  # fmt: skip
    assert [reject.reason for reject in found.rejects] == ["unavailable_value"]
    assert [row["id"] for row in rows(found)] == [8]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (envelope("t"), "debezium_t"),
        ({"status": "BEGIN", "id": "571", "ts_ms": 1, "op": None, "source": SOURCE}, "debezium_other"),
    ],
)
def test_what_changes_no_row_is_skipped_and_counted(value: dict[str, Any], reason: str) -> None:
    found = decoded((KEY, value), (KEY, envelope("c", None, {"id": 7})))
    assert (found.skipped[ORDERS], len(rows(found))) == ({reason: 1}, 1)


def test_a_schema_gives_numbers_and_texts_their_real_types() -> None:
    schema = schema_of(
        {"field": "id", "type": "int32"},
        {"field": "total", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
         "parameters": {"scale": "2", "connect.decimal.precision": "10"}},
        {"field": "day", "type": "int32", "name": "io.debezium.time.Date"},
        {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTimestamp"},
        {"field": "clock", "type": "int64", "name": "io.debezium.time.MicroTime"},
        {"field": "free", "type": "struct", "name": "io.debezium.data.VariableScaleDecimal"},
    )  # fmt: skip
    after = {"id": 7, "total": unscaled(-1234), "day": 19_675, "at": 1_700_000_000_000_001, "clock": 3_600_000_000,
             "free": {"scale": 3, "value": unscaled(1500)}}  # fmt: skip
    found = decoded((KEY, {"schema": schema, "payload": envelope("c", None, after)}))
    (row,) = rows(found)
    assert (row["total"], row["day"], row["clock"]) == (Decimal("-12.34"), date(2023, 11, 14), time(1))
    assert row["at"] == datetime(2023, 11, 14, 22, 13, 20, 1, UTC)
    assert row["free"] == Decimal("1.500")


def test_the_same_bytes_are_read_by_the_schema_that_each_record_was_written_by() -> None:
    def written(scale: int) -> dict[str, Any]:
        total = {"field": "total", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
                 "parameters": {"scale": str(scale)}}  # fmt: skip
        return {"schema": schema_of(total), "payload": envelope("c", None, {"total": unscaled(1234)})}

    found = decoded((KEY, written(2)), (KEY, written(4)), (KEY, None), (KEY, written(2)), (KEY, envelope("t")))
    assert [row["total"] for row in rows(found)] == [Decimal("12.34"), Decimal("0.1234"), Decimal("12.34")]
    assert found.skipped[ORDERS] == {"tombstone": 1, "debezium_t": 1}


def test_keys_and_values_may_have_schemas_in_front() -> None:
    key = {"schema": {"type": "struct", "fields": []}, "payload": KEY}
    value = {"schema": schema_of({"field": "id", "type": "int32"}), "payload": envelope("d", {"id": 7})}
    (row,) = rows(decoded((key, value)))
    assert (row["id"], row["_cdc_deleted"]) == (7, True)


def test_a_reject_has_the_bytes_that_the_record_had() -> None:
    value = {"schema": schema_of(), "payload": {"op": float("nan")}}
    (reject,) = decoded((KEY, value)).rejects
    assert (reject.reason, json.loads(reject.value)["schema"]) == ("not_finite", schema_of())


def test_the_flattened_form_passes_through() -> None:
    found = decoded((KEY, {"id": 7, "n": 1, "__op": "u", "__deleted": "false"}),
                    ({"id": 8}, {"id": 8, "n": None, "__op": "d", "__deleted": "true"}))  # fmt: skip
    assert [(row["id"], row["_cdc_op"], row["_cdc_deleted"]) for row in rows(found)] == [
        (7, "u", False),
        (8, "d", True),
    ]


def test_a_delete_of_the_flattened_form_deletes_beside_values_that_no_column_holds() -> None:
    marks = {"__op": "d", "__deleted": "true"}
    found = decoded((KEY, {"id": 7, "n": 2**70, **marks}), (KEY, {"id": 8, "n": 1, **marks}))
    assert [(row["id"], row["_cdc_op"], row["_cdc_deleted"]) for row in rows(found)] == [(7, "d", True), (8, "d", True)]


def test_the_flattened_form_has_real_types_too() -> None:
    total = {"field": "total", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
             "parameters": {"scale": "2"}}  # fmt: skip
    schema = {"type": "struct", "fields": [{"field": "id", "type": "int32"}, total]}
    (row,) = rows(decoded((KEY, {"schema": schema, "payload": {"id": 7, "total": unscaled(150), "__op": "c"}})))
    assert (row["total"], row["_cdc_op"]) == (Decimal("1.50"), "c")


def test_bytes_are_bytes() -> None:
    schema = schema_of({"field": "photo", "type": "bytes"}, {"field": "none", "type": "bytes"})
    after = {"photo": base64.b64encode(b"\0\xff").decode(), "none": None}
    (row,) = rows(decoded((KEY, {"schema": schema, "payload": envelope("c", None, after)})))
    assert row["photo"] == b"\0\xff"


def test_rows_whose_columns_change_type_in_one_batch_are_all_there() -> None:
    found = decoded(
        (KEY, envelope("c", None, {"id": 7, "n": 1})), ({"id": 8}, envelope("c", None, {"id": 8, "n": "x"}))
    )
    assert sorted((row["id"], row["n"]) for row in rows(found) if row["n"] is not None) == [(7, 1), (8, "x")]


def test_numbers_beyond_64_bits_and_their_neighbours_are_all_there() -> None:
    big, deleted = envelope("u", None, {"id": 8, "n": 2**70}), envelope("d", {"id": 9, "n": 2**70})
    found = decoded((KEY, envelope("c", None, {"id": 7, "n": 1})), ({"id": 8}, big), ({"id": 9}, deleted))
    assert [(row["id"], row["_cdc_deleted"]) for row in rows(found)] == [(7, False), (8, False), (9, True)]


AVRO_KEY = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "int"}]}
AVRO_ROW = {"type": "record", "name": "Value", "fields": [{"name": "id", "type": "int"}, {"name": "n", "type": "long"}]}
AVRO_ENVELOPE = {"type": "record", "name": "Envelope", "fields": [
    {"name": "before", "type": ["null", AVRO_ROW]}, {"name": "after", "type": ["null", "Value"]},
    {"name": "source", "type": {"type": "record", "name": "Source", "fields": [{"name": "lsn", "type": "long"}]}},
    {"name": "op", "type": "string"},
]}  # fmt: skip
AVRO_SCHEMAS = {
    1: WriterSchema("avro", json.dumps(AVRO_KEY)),
    2: WriterSchema("avro", json.dumps(AVRO_ENVELOPE)),
}


def framed(id: int, schema: dict[str, Any], datum: Any) -> bytes:
    return b"\0" + id.to_bytes(4, "big") + written(fastavro.parse_schema(schema), datum)


def avro_batch() -> RawBatch:
    key, row = framed(1, AVRO_KEY, {"id": 7}), {"id": 7, "n": 1}
    source = {"lsn": 42}
    created = framed(2, AVRO_ENVELOPE, {"before": None, "after": row, "source": source, "op": "c"})
    deleted = framed(2, AVRO_ENVELOPE, {"before": row, "after": None, "source": source, "op": "d"})
    values = [created, deleted, None, b"no avro"]
    count = len(values)
    return RawBatch(
        (PartitionRecords(OffsetRange(ORDERS, 0, count), range(count), [-1] * count, [key] * count, values),)
    )


def avro_decoder() -> Any:
    options = DecoderOptions(Limits(), table_of=lambda topic: "orders", metadata=("key",))
    return decoder_for("debezium-avro")(options)


def test_a_delete_in_avro_is_one_of_its_key() -> None:
    raw, decoder = avro_batch(), avro_decoder()
    assert decoder.wants(raw) == {1, 2}
    found = decoder.decode(raw, AVRO_SCHEMAS)
    assert [(row["id"], row["_cdc_deleted"]) for row in rows(found)] == [(7, False), (7, True)]
    assert {row["_kafka_key"] for row in rows(found)} == {b'{"id":7}'}


def test_keys_in_avro_are_json_for_tombstones_and_their_own_bytes_in_rejects() -> None:
    raw, decoder = avro_batch(), avro_decoder()
    (reject,) = decoder.decode(raw, AVRO_SCHEMAS).rejects
    assert (reject.key, reject.value) == (framed(1, AVRO_KEY, {"id": 7}), b"no avro")
    assert decoder.json_keys(raw, AVRO_SCHEMAS).parts[0].keys[2] == b'{"id":7}'
