"""`headrace plan` from a file of lines: what it shows, and that it leaves no trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import stream
from tests.unit.stream.cli.test_cli import headrace

LINES = '{"orderId": 7, "items": [{"sku": "a"}]}\n\n{"orderId": NaN}\n{"orderId": "A9"}\n'


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.jsonl"
    path.write_text(LINES)
    return path


def planned(sample: Path, file: Path, *words: str) -> str:
    done = headrace("plan", "--topic", "orders", "--to", f"duckdb:///{file}", "--file", str(sample), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_shows_tables_columns_ddl_and_rejects(sample: Path, tmp_path: Path) -> None:
    shown = planned(sample, tmp_path / "new.duckdb")
    for told in ("+ orders  2 rows", "+   order_id__v_text text", "+ orders__items  1 rows", "1 rejected: not_finite"):
        assert told in shown
    assert 'CREATE TABLE "orders"."orders__items"' in shown


def test_it_creates_no_file(sample: Path, tmp_path: Path) -> None:
    planned(sample, tmp_path / "new.duckdb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample.jsonl"]


def test_it_tells_only_what_the_destination_lacks(sample: Path, tmp_path: Path) -> None:
    there = stream.pipeline(
        "orders", tmp_path / "pipelines", destination=f"duckdb:///{tmp_path}/there.duckdb", dataset_name="orders"
    )
    there.run([{"orderId": 1}], table_name="orders")
    (found,) = json.loads(planned(sample, tmp_path / "there.duckdb", "--json"))
    assert "new column orders.order_id (bigint)" not in found["changes"]
    assert "new variant orders.order_id__v_text (text) of order_id" in found["changes"]
