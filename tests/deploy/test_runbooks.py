"""What the runbooks tell somebody to type is there: tables, metrics, settings."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

import headrace
from stream.config import fields
from stream.observe.instruments import Instruments

RUNBOOKS = sorted((Path(__file__).parents[2] / "docs" / "runbooks").glob("*.md"))
SECTIONS = "kafka|destination|batching|tables|limits|retry|service"

every_page = pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A dataset with headrace's own tables in it."""
    file = tmp_path_factory.mktemp("runbooks") / "shop.duckdb"
    shop = headrace.pipeline("shop", file.parent / "work", destination=f"duckdb:///{file}", dataset_name="shop")
    shop.run([{"id": 1}], table_name="items")
    connection = duckdb.connect(str(file))
    connection.execute("use shop")
    return connection


@every_page
def test_a_query_runs(page: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    for query in re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        warehouse.execute(query)


@every_page
def test_a_metric_is_exported(page: Path) -> None:
    families = {family.name for family in Instruments().registry.collect()}
    for name in re.findall(r"headrace_\w+", page.read_text(encoding="utf-8")):
        assert re.sub(r"_(total|bucket|sum|count)$", "", name) in families


@every_page
def test_a_setting_exists(page: Path) -> None:
    known = {fields.dotted(path) for path in (*fields.leaves(), *fields.sections())}
    named = re.findall(rf"`((?:{SECTIONS})\.[a-z_]+)(?:=[^`]*)?`", page.read_text(encoding="utf-8"))
    assert set(named) <= known
