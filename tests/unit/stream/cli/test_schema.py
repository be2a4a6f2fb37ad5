"""`headrace schema`: what it shows, exports, compares and remembers, of a file of DuckDB."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

import stream
from stream.cli.main import app

OF_0_1 = Path(__file__).parents[2] / "sinks/documents/of_0_1.json"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders in two versions of the schema: the second brings a column, a variant and a child table."""
    folder = tmp_path_factory.mktemp("schema")
    made = stream.pipeline("shop", folder / "work", destination=f"duckdb:///{folder}/shop.duckdb", dataset_name="sales")
    made.run([{"orderId": 1}], table_name="orders")
    made.run([{"orderId": "A9", "note": "x", "items": [{"sku": "a"}]}], table_name="orders")
    return folder


def schema(place: Path, *words: str) -> Result:
    where = ("--to", f"duckdb:///{place}/shop.duckdb", "--pipeline", "shop", "--dataset", "sales")
    return CliRunner().invoke(app, ["schema", *words, *where])


def told(place: Path, *words: str, code: int = 0) -> str:
    done = schema(place, *words)
    assert done.exit_code == code, done.output
    return done.stdout


def test_show_tells_tables_columns_types_and_where_they_come_from(place: Path) -> None:
    shown = " ".join(told(place, "show").split())
    assert "orders: append" in shown
    assert "order_id__v_text text yes variant of order_id" in shown
    assert "orders__items: append, below orders" in shown


def test_show_of_an_older_version_and_one_table_as_yaml(place: Path) -> None:
    found = yaml.safe_load(told(place, "show", "--version", "1", "--table", "orders", "--format", "yaml"))
    assert (found["version"], list(found["tables"])) == (1, ["orders"])
    assert "note" not in found["tables"]["orders"]["columns"]


def test_a_version_that_is_not_kept_is_told_with_those_that_are(place: Path) -> None:
    done = schema(place, "show", "--version", "9")
    assert (done.exit_code, "it keeps 1 to 2" in done.stderr) == (2, True)


def test_what_is_exported_does_not_differ_from_the_destination(place: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "shop.schema.yaml", tmp_path / "shop.schema.json"):
        told(place, "export", str(file))
        assert told(place, "diff", str(file)) == "no difference\n"
    assert len(json.loads(file.read_text())["previous_hashes"]) == 1


def test_a_file_that_was_changed_differs_with_exit_code_1(place: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(told(place, "export"))
    columns = content["tables"]["orders"]["columns"]
    columns["note"]["type"] = "json"
    del columns["order_id__v_text"], content["tables"]["orders__items"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    shown = told(place, "diff", str(tmp_path / "mine.yaml"), code=1)
    assert shown.splitlines() == [
        "- column orders.order_id__v_text text, variant of order_id, from orderId",
        "~ orders.note: text -> json",
        "- table orders__items (5 columns, append)",
        "3 differences",
    ]


def test_two_versions_are_compared_as_json(place: Path) -> None:
    found = json.loads(told(place, "diff", "--from", "1", "--to-version", "2", "--json", code=1))
    assert {(each["kind"], each["column"] or each["table"]) for each in found} == {
        ("column_added", "order_id__v_text"),
        ("column_added", "note"),
        ("table_added", "orders__items"),
    }


def test_a_document_of_version_0_1_is_compared(place: Path, tmp_path: Path) -> None:
    shutil.copy(OF_0_1, tmp_path / "old.json")
    shown = told(place, "diff", str(tmp_path / "old.json"), code=1)
    assert "+ column orders.price decimal(38,9)" in shown


def test_history_tells_what_changed_and_by_which_load(place: Path) -> None:
    second, first = json.loads(told(place, "history", "--json"))
    assert (second["version"], first["version"]) == (2, 1)
    assert [change["text"] for change in first["changes"]] == ["+ table orders (3 columns, append)"]
    assert first["load_id"]
    assert first["load_id"] != second["load_id"]


def test_history_can_be_of_one_table(place: Path) -> None:
    shown = told(place, "history", "--table", "orders__items")
    assert "+ table orders__items" in shown
    assert "orders.note" not in shown


def test_a_file_that_is_no_schema_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("tables: 5")
    done = schema(place, "diff", str(tmp_path / "bad.yaml"))
    assert (done.exit_code, "is no schema" in done.stderr) == (2, True)


def test_nothing_to_compare_is_refused(place: Path) -> None:
    done = schema(place, "diff")
    assert (done.exit_code, "say what to compare" in done.stderr) == (2, True)
