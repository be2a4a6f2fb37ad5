"""Topics in every format, from Confluent's serializers over a real broker and a real registry to rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from support import events
from support import registry as serialized
from support.destinations import Query, duckdb_file, postgres
from support.service import headrace

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
    schema.write_text('{"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}')
    events.produce(kafka.bootstrap, name, [bytes([2 * n]) for n in range(20)])
    file = tmp_path / "shop.duckdb"
    run(kafka, name, f"duckdb:///{file}", "warehouse", TABLES__FORMAT="avro", TABLES__SCHEMA_FILE=str(schema))
    assert duckdb_file(file)("select x from warehouse.orders order by x") == [(n,) for n in range(20)]
