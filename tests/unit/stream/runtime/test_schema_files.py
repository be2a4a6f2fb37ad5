"""A stream with a schema that a user brings, and one that is written down."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from checkpoints import Partition
from sinks import Column, Schema, SinkOptions, Table
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.schema import BIGINT, TEXT, decimal
from stream.api.schema_files import export_schema, import_schema, schema_files_of
from stream.config.models import Batching, Config, Kafka
from stream.errors import ConfigError, SchemaRefused
from stream.observe.facts import nobody
from stream.runtime.imported_schema import NO_FILES, SchemaFiles, import_plan
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

pytestmark = pytest.mark.anyio
ORDERS = Partition("orders", 0)
PRICE = Column("price", decimal(10, 2), source=("price",))
SKU = Column("sku", TEXT, nullable=False, source=("sku",))


def orders(*columns: Column) -> Schema:
    return Schema(1, {"orders": Table("orders", {c.name: c for c in columns}, source=("orders",))})


async def loaded(files: SchemaFiles, *values: object, warehouse: MemoryWarehouse | None = None) -> MemoryWarehouse:
    broker, warehouse = MemoryBroker(), warehouse or MemoryWarehouse()
    broker.create("orders", 1)
    broker.produce(ORDERS, [json.dumps(value).encode() for value in values])
    config = Config(kafka=Kafka(topics=("orders",), until="latest"), batching=Batching(max_age_seconds=0.01))
    sink = MemorySink(warehouse, SinkOptions("shop", "shop", "me"))
    with anyio.fail_after(20):
        await serve(
            "shop",
            config,
            sink,
            lambda config, budget: memory_source(broker, config.kafka, config.batching, budget),
            nobody,
            stopping=anyio.Event(),
            files=files,
        )
    return warehouse


async def test_the_types_of_an_imported_table_are_those_of_the_file() -> None:
    warehouse = await loaded(SchemaFiles(orders(PRICE)), {"price": 1})
    assert warehouse.schema.tables["orders"].columns["price"].type == decimal(10, 2)
    assert [str(row["price"]) for row in warehouse.table("orders").to_pylist()] == ["1.00"]


async def test_an_imported_table_is_there_before_the_first_event() -> None:
    assert "orders" in (await loaded(SchemaFiles(orders(PRICE)))).schema.tables


async def test_a_record_without_a_value_for_an_imported_column_that_is_not_null_is_set_aside() -> None:
    warehouse = await loaded(SchemaFiles(orders(SKU)), {"sku": "a"}, {"n": 1})
    assert [row["sku"] for row in warehouse.table("orders").to_pylist()] == ["a"]
    assert [reject.reason for reject in warehouse.rejects] == ["required_missing"]


def test_a_column_that_comes_to_a_table_which_is_there_may_be_null() -> None:
    (change,) = import_plan(orders(PRICE), orders(PRICE, SKU)).changes
    assert change.column.nullable


def test_what_the_destination_has_stays_as_it_is() -> None:
    assert not import_plan(orders(Column("price", BIGINT)), orders(PRICE))


async def test_the_schema_is_written_down_at_the_start_and_after_a_change(tmp_path: Path) -> None:
    files = schema_files_of("shop", None, tmp_path)
    warehouse = await loaded(files)
    assert import_schema(tmp_path, "shop") == Schema()
    await loaded(files, {"id": 1}, warehouse=warehouse)
    assert import_schema(tmp_path, "shop") == warehouse.schema


async def test_an_import_that_is_not_approved_makes_nothing(tmp_path: Path) -> None:
    async def no(*asked: object) -> bool:
        return False

    broker, warehouse = MemoryBroker(), MemoryWarehouse()
    broker.create("orders", 1)
    config = Config(kafka=Kafka(topics=("orders",), until="latest"))
    with anyio.fail_after(20), pytest.raises(SchemaRefused):
        await serve(
            "shop",
            config,
            MemorySink(warehouse, SinkOptions("shop", "shop", "me")),
            lambda config, budget: memory_source(broker, config.kafka, config.batching, budget),
            nobody,
            stopping=anyio.Event(),
            approve=no,
            files=SchemaFiles(orders(PRICE)),
        )
    assert warehouse.schema == Schema()


def test_a_folder_that_cannot_be_written_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="export_schema_path"):
        export_schema(tmp_path / "file", "shop", orders(PRICE))


def test_without_folders_there_is_nothing_to_do() -> None:
    assert schema_files_of("shop", None, None) == NO_FILES
