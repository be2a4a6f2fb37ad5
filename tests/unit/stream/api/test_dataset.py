"""Reading a dataset back: tables and queries, whole and in batches."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import headrace
from sinks import SinkError
from stream.errors import ConfigError


@pytest.fixture
def shop(tmp_path: Path) -> headrace.Pipeline:
    """A pipeline into DuckDB with three rows."""
    made = headrace.pipeline("shop", tmp_path, destination=f"duckdb:///{tmp_path}/shop.duckdb", dataset_name="sales")
    made.run([{"id": 1, "tags": ["a"]}, {"id": 2}, {"id": 3}], table_name="items")
    return made


def test_a_table_comes_back_as_arrow_pandas_and_polars(shop: headrace.Pipeline) -> None:
    items = shop.dataset().table("items").select("id")
    assert items.arrow().to_pydict() == {"id": [1, 2, 3]}
    assert items.df()["id"].tolist() == [1, 2, 3]
    assert items.pl()["id"].to_list() == [1, 2, 3]


def test_a_query_sees_the_tables_of_the_dataset(shop: headrace.Pipeline) -> None:
    assert shop.dataset().sql("select sum(id) as total from items").fetchall() == [(6,)]


def test_batches_hold_no_more_rows_than_asked(shop: headrace.Pipeline) -> None:
    shop.run(pa.table({"id": range(5_000)}), table_name="many")
    sizes = [batch.num_rows for batch in shop.dataset()["many"].batches(2_048)]
    assert (max(sizes), sum(sizes)) == (2_048, 5_000)


def test_reading_may_stop_before_the_end_and_the_next_run_goes_on(shop: headrace.Pipeline) -> None:
    shop.run(pa.table({"id": range(5_000)}), table_name="many")
    next(shop.dataset()["many"].batches(1_000))
    shop.run([{"id": 4}], table_name="items")
    assert len(shop.dataset()["items"].arrow()) == 4


def test_the_first_rows_of_a_table(shop: headrace.Pipeline) -> None:
    assert len(shop.dataset()["items"].head(2).arrow()) == 2


def test_the_tables_are_known_without_a_connection(shop: headrace.Pipeline) -> None:
    assert shop.dataset().tables == ("items", "items__tags")


def test_a_table_that_is_not_there_says_so(shop: headrace.Pipeline) -> None:
    with pytest.raises(SinkError, match="nowhere"):
        shop.dataset().table("nowhere").arrow()


def test_the_memory_destination_reads_tables_only(tmp_path: Path) -> None:
    shop = headrace.pipeline("shop", tmp_path, destination="memory", dataset_name=str(tmp_path))
    shop.run([{"id": 1}], table_name="items")
    assert shop.dataset()["items"].select("id").arrow().to_pydict() == {"id": [1]}
    with pytest.raises(SinkError, match="knows no SQL"):
        shop.dataset().sql("select 1").arrow()


def test_a_selection_of_a_query_is_written_into_it(shop: headrace.Pipeline) -> None:
    with pytest.raises(ConfigError, match="write it into the query"):
        shop.dataset().sql("select 1").select("x")
