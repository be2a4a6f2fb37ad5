"""Topics in every format, from Confluent's serializers over a real broker and a real registry to rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.serialization import MessageField
from google.protobuf.message_factory import GetMessageClass

from servers.process import free_port
from stream.decode.protobuf.compile import descriptors_of
from stream.model.schemas import WriterSchema
from support import events
from support import registry as serialized
from support.destinations import Query, duckdb_file, postgres
from support.fake_registry import answering
from support.service import headrace, running

ORDER = """{"type": "record", "name": "Order", "namespace": "warehouse", "fields": [
    {"name": "id", "type": "long"},
    {"name": "placed", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
    {"name": "customer", "type": {"type": "record", "name": "Person", "fields": [{"name": "name", "type": "string"}]}},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
        {"name": "sku", "type": "string"}, {"name": "amount", "type": "int"}]}}}]}"""
POINT = '{"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}'
PLACED = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Working folders of pipelines go to a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request, tmp_path: Path) -> tuple[str, Query]:
    """A destination's URL, and how to ask it without headrace."""
    if request.param == "duckdb":
        file = tmp_path / "shop.duckdb"
        return f"duckdb:///{file}", duckdb_file(file)
    dsn = request.getfixturevalue("postgres_dsn")
    return dsn, postgres(dsn)


def run(kafka, topic: str, url: str, dataset: str, **env: str):
    settings = {f"HEADRACE__{name}": value for name, value in env.items()}
    settings = {"HEADRACE__TABLES__NAME_TEMPLATE": "orders", **settings}
    done = headrace(
        "run", "--brokers", kafka.bootstrap, "--topic", topic, "--to", url, "--dataset", dataset, "--until", "latest",
        env=settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def order(number: int) -> dict:
    return {
        "id": number, "placed": PLACED, "day": date(2026, 11, 25), "total": Decimal("12.50"), "note": None,
        "state": "PAID", "customer": {"name": f"Käthe {number}"}, "items": [{"sku": "a", "amount": number}] * 2,
    }  # fmt: skip


def test_avro_becomes_rows_with_the_types_of_its_schema(
    kafka, apicurio, topic: Callable[..., str], place: tuple[str, Query], dataset: str
) -> None:
    name = topic()
    values = serialized.avro(apicurio.confluent_url, name, ORDER, map(order, range(50)))
    poison = [b"{}", values[3] + b"\0", values[4][:-2], values[5][:1] + (10**8).to_bytes(4, "big") + values[5][5:]]
    events.produce(kafka.bootstrap, name, [*values[:25], *poison, None, *values[25:]])
    url, query = place
    run(kafka, name, url, dataset, TABLES__FORMAT="avro", REGISTRY__URL=apicurio.confluent_url)
    rows = query(f'select id, placed, day, total, note, state, customer__name from "{dataset}".orders order by id')
    assert rows == [(n, PLACED, date(2026, 11, 25), Decimal("12.50"), None, "PAID", f"Käthe {n}") for n in range(50)]
    assert query(f'select count(*), sum(amount) from "{dataset}".orders__items') == [(100, 2 * sum(range(50)))]
    reasons = query(f'select reason, count(*) from "{dataset}"._hr_rejects group by reason order by reason')
    assert reasons == [("invalid_avro", 2), ("not_framed", 1), ("unknown_schema", 1)]


def test_rows_of_each_writers_schema_are_read_by_their_own(
    kafka, apicurio, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    first = '{"type": "record", "name": "A", "fields": [{"name": "id", "type": "int"}]}'
    second = (
        '{"type": "record", "name": "A", "fields": [{"name": "name", "type": "string", "default": ""},'
        '{"name": "id", "type": "long", "default": 0}]}'
    )
    url = apicurio.confluent_url
    values = serialized.avro(url, name, first, [{"id": 1}, {"id": 2}])
    values += serialized.avro(url, name, second, [{"name": "x", "id": 2**40}])
    values += serialized.avro(url, name, first, [{"id": 4}])
    events.produce(kafka.bootstrap, name, values)
    file = tmp_path / "shop.duckdb"
    run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__FORMAT="avro", REGISTRY__URL=url)
    rows = duckdb_file(file)("select id, name from warehouse.orders order by _kafka_offset")
    assert rows == [(1, None), (2, None), (2**40, "x"), (4, None)]


def test_json_with_a_schema_id_becomes_rows_without_a_registry(
    kafka, apicurio, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    schema = json.dumps({"title": "Order", "type": "object", "properties": {"id": {"type": "integer"}}})
    values = serialized.json_schema(apicurio.confluent_url, name, schema, [{"id": n} for n in range(10)])
    events.produce(kafka.bootstrap, name, [*values, b"{}", values[0][:5] + b"{"])
    file = tmp_path / "shop.duckdb"
    run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__FORMAT="json-schema")
    query = duckdb_file(file)
    assert query("select id from warehouse.orders order by id") == [(n,) for n in range(10)]
    rejects = query("select reason, value from warehouse._hr_rejects order by reason")
    assert rejects == [("invalid_json", values[0][:5] + b"{"), ("not_framed", b"{}")]


def test_a_schema_from_a_file_reads_records_without_an_id(kafka, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic()
    schema = tmp_path / "point.avsc"
    schema.write_text(POINT)
    events.produce(kafka.bootstrap, name, [bytes([2 * n]) for n in range(20)])
    file = tmp_path / "shop.duckdb"
    run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__FORMAT="avro", TABLES__SCHEMA_FILE=str(schema))
    assert duckdb_file(file)("select x from warehouse.orders order by x") == [(n,) for n in range(20)]


def test_protobuf_becomes_rows_with_the_types_of_its_schema(
    kafka, apicurio, topic: Callable[..., str], place: tuple[str, Query], dataset: str
) -> None:
    name = topic()
    text = """syntax = "proto3"; package shop; import "google/protobuf/timestamp.proto";
        message Other { string x = 1; }
        message Order { message Item { string sku = 1; int32 amount = 2; }
            int64 id = 1; google.protobuf.Timestamp placed = 2; optional string note = 3; repeated Item items = 4;
            uint64 big = 5; }"""
    pool, _ = descriptors_of(WriterSchema("protobuf", text))
    message = GetMessageClass(pool.FindMessageTypeByName("shop.Order"))
    fields = [
        {"id": n, "placed": {"seconds": 1_000, "nanos": 5_000}, "big": 2**63 + n, "items": [{"sku": "a", "amount": n}]}
        for n in range(30)
    ]
    values = serialized.protobuf(apicurio.confluent_url, name, message, fields)
    events.produce(kafka.bootstrap, name, [*values, b"{}", values[0][:-1]])
    url, query = place
    run(kafka, name, url, dataset, TABLES__FORMAT="protobuf", REGISTRY__URL=apicurio.confluent_url)
    rows = query(f'select id, placed, note, big from "{dataset}".orders order by id')
    placed = datetime(1970, 1, 1, 0, 16, 40, 5, tzinfo=UTC)
    assert rows == [(n, placed, None, 2**63 + n) for n in range(30)]
    assert query(f'select sum(amount) from "{dataset}".orders__items') == [(sum(range(30)),)]
    reasons = query(f'select reason, count(*) from "{dataset}"._hr_rejects group by reason order by reason')
    assert reasons == [("invalid_protobuf", 1), ("not_framed", 1)]


def test_a_registry_that_is_away_pauses_the_pipeline_and_nothing_is_rejected(
    kafka, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, [b"\0\0\0\0\x07" + bytes([2 * n]) for n in range(20)])
    file = tmp_path / "shop.duckdb"
    with answering() as registry:
        registry.say("/schemas/ids/7", b"", 503)
        env = {"HEADRACE__TABLES__FORMAT": "avro", "HEADRACE__REGISTRY__URL": registry.url}
        args = ("--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{file}", "--dataset", "warehouse")
        with running(*args, "--pipeline", "orders", "--until", "latest", env=env) as service:
            service.until(lambda: "schema registry unavailable" in service.log)
            registry.say("/schemas/ids/7", {"schema": POINT})
            assert service.wait() == 0, service.log
    query = duckdb_file(file)
    assert query("select count(*) from warehouse._hr_rejects") == [(0,)]
    assert query('select sum(x) from warehouse."' + name.replace("-", "_") + '"') == [(sum(range(20)),)]


def test_sigterm_while_the_registry_is_away_ends_within_the_grace_period(
    kafka, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, [b"\0\0\0\0\x07\x02"])
    env = {
        "HEADRACE__TABLES__FORMAT": "avro",
        "HEADRACE__REGISTRY__URL": f"http://127.0.0.1:{free_port()}",
        "HEADRACE__SERVICE__GRACE_SECONDS": "2",
    }
    args = ("--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{tmp_path / 'shop.duckdb'}")
    with running(*args, env=env) as service:
        service.until(lambda: "schema registry unavailable" in service.log)
        service.drain()


def test_credentials_that_the_registry_refuses_stop_the_run_with_what_to_do(
    kafka, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, [b"\0\0\0\0\x07\x02"])
    with answering() as registry:
        registry.say("/schemas/ids/7", b"", 401)
        done = headrace(
            "run", "--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{tmp_path / 'shop.duckdb'}",
            env={"HEADRACE__TABLES__FORMAT": "avro", "HEADRACE__REGISTRY__URL": registry.url},
        )  # fmt: skip
    assert done.returncode == 3
    assert "registry.username and registry.password" in done.stderr


def test_avro_read_as_json_stops_with_the_setting_to_change(kafka, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, [b"\0\0\0\0\x07" + bytes([2 * n]) for n in range(20)])
    done = headrace(
        "run", "--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{tmp_path / 'shop.duckdb'}",
    )  # fmt: skip
    assert done.returncode == 2
    assert "schema id in front" in done.stderr
    assert "format" in done.stderr


def test_formats_differ_by_topic(kafka, topic: Callable[..., str], tmp_path: Path) -> None:
    words, blobs = topic("words"), topic("blobs")
    events.produce(kafka.bootstrap, words, ["ä".encode(), b"b"])
    events.produce(kafka.bootstrap, blobs, [b"\0\xff"])
    config = tmp_path / "headrace.toml"
    config.write_text(
        '[topics."words-*"]\nformat = "text"\ntable = "words"\n[topics."blobs-*"]\nformat = "bytes"\ntable = "blobs"\n'
    )
    file = tmp_path / "shop.duckdb"
    done = headrace(
        "run", "-c", str(config), "--brokers", kafka.bootstrap, "--topic", words, "--topic", blobs, "--pipeline", "all",
        "--to", f"duckdb:///{file}", "--dataset", "warehouse", "--until", "latest",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    query = duckdb_file(file)
    assert query("select value from warehouse.words order by value") == [("b",), ("ä",)]
    assert query("select value from warehouse.blobs") == [(b"\0\xff",)]


def test_keys_of_a_format_are_a_column(kafka, apicurio, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic()
    url = apicurio.confluent_url
    keys = serialized.avro(url, name, POINT, [{"x": 1}, {"x": 2}], part=MessageField.KEY)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for key in keys:
        producer.produce(name, b"{}", key)
    producer.flush()
    file = tmp_path / "shop.duckdb"
    run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__KEY_FORMAT="avro", REGISTRY__URL=url)
    assert duckdb_file(file)("select _kafka_key from warehouse.orders order by 1") == [('{"x":1}',), ('{"x":2}',)]


def test_an_id_in_a_header_names_the_schema(kafka, apicurio, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic()
    url = apicurio.confluent_url
    (framed,) = serialized.avro(url, name, POINT, [{"x": 5}])
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(name, framed[5:], headers=[("__value_schema_id", framed[:5])])
    producer.flush()
    file = tmp_path / "shop.duckdb"
    run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__FORMAT="avro", REGISTRY__URL=url)
    assert duckdb_file(file)("select x from warehouse.orders") == [(5,)]


def test_apicurios_own_api_finds_schemas_and_their_references(
    kafka, apicurio, topic: Callable[..., str], tmp_path: Path
) -> None:
    name = topic()
    item = Schema('{"type": "record", "name": "shop.Item", "fields": [{"name": "sku", "type": "string"}]}', "AVRO")
    client = SchemaRegistryClient({"url": apicurio.confluent_url})
    client.register_schema(f"{name}-item", item)
    text = '{"type": "record", "name": "O", "fields": [{"name": "item", "type": "shop.Item"}]}'
    order = Schema(text, "AVRO", [SchemaReference("shop.Item", f"{name}-item", 1)])
    values = serialized.avro(apicurio.confluent_url, name, order, [{"item": {"sku": "a"}}])
    events.produce(kafka.bootstrap, name, [*values, b"\0\x05\xf5\xe1\0\0"])
    for api, url in (("confluent", apicurio.confluent_url), ("apicurio", apicurio.url)):
        file = tmp_path / f"{api}.duckdb"
        run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__FORMAT="avro", REGISTRY__URL=url, REGISTRY__API=api)
        query = duckdb_file(file)
        assert query("select item__sku from warehouse.orders") == [("a",)]
        assert query("select reason from warehouse._hr_rejects") == [("unknown_schema",)]
