"""Names that a destination keeps for itself, from the user's call to rows in a real database."""

from pathlib import Path

import psycopg

import headrace
from stream.api.create import pipeline_of
from stream.config.models import Config, Destination, Tables
from support.destinations import duckdb_file, postgres, tables

EVENT = {"xmin": 12, "CTID": "a", "items": [{"tableoid": 1, "xmax": 2}], "Имя": "Анна", "名前": "花子"}


def test_system_columns_of_postgres_are_keys_like_any_other(postgres_dsn: str, dataset: str, tmp_path: Path) -> None:
    pipeline = headrace.pipeline("names", pipelines_dir=tmp_path, destination=postgres_dsn, dataset_name=dataset)
    pipeline.run([EVENT], table_name="orders")
    columns = {table: _columns(postgres_dsn, dataset, table) for table in ("orders", "orders__items")}
    query = postgres(postgres_dsn)
    ((xmin, ctid),) = query(f"select {columns['orders']['xmin']}, {columns['orders']['ctid']} from {dataset}.orders")
    items = columns["orders__items"]
    ((oid, xmax),) = query(f"select {items['tableoid']}, {items['xmax']} from {dataset}.orders__items")
    assert (xmin, ctid, oid, xmax) == (12, "a", 1, 2)
    assert {"imya", "ming_qian"} <= columns["orders"].keys()


def test_a_table_may_be_called_memory_in_a_dataset_of_that_name(tmp_path: Path) -> None:
    file = tmp_path / "a.duckdb"
    pipeline = headrace.pipeline(
        "memory", pipelines_dir=tmp_path, destination=f"duckdb:///{file}", dataset_name="memory"
    )
    pipeline.run([EVENT], table_name="memory")
    assert duckdb_file(file)("select xmin from memory.memory") == [(12,)]


def test_keys_in_other_scripts_may_keep_their_letters(tmp_path: Path) -> None:
    file = tmp_path / "a.duckdb"
    where = Destination(url=f"duckdb:///{file}", dataset="магазин")
    config = Config(pipeline="shop", destination=where, tables=Tables(names="unicode"))
    pipeline_of(config, pipelines_dir=tmp_path).run([EVENT], table_name="Заказы")
    assert duckdb_file(file)('select "имя", "名前" from "магазин"."заказы"') == [("Анна", "花子")]
    assert "заказы__items" in tables(duckdb_file(file), "магазин")


def _columns(dsn: str, dataset: str, table: str) -> dict[str, str]:
    """Return the columns of a table: what their names begin with, up to a tag, and the whole names."""
    with psycopg.connect(dsn) as connection:
        names = connection.execute(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s",
            [dataset, table],
        ).fetchall()
    return {name if name in ("ming_qian",) else name.partition("_")[0] or name: name for (name,) in names}
