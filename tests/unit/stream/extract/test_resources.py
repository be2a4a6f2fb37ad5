"""Resources and sources: names, hints, maps, transformers, cursors, arguments from configuration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import headrace
from sinks.memory import MemoryWarehouse, warehouse
from stream.errors import ConfigError, PipelineStepFailed


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> headrace.Pipeline:
    """A pipeline into memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return headrace.pipeline("shop", tmp_path, destination="memory", dataset_name=str(tmp_path))


@pytest.fixture
def there(tmp_path: Path) -> MemoryWarehouse:
    """What `shop` loaded."""
    return warehouse("memory://shop", str(tmp_path))


def column(there: MemoryWarehouse, table: str, name: str = "id") -> list[Any]:
    return there.table(table)[name].to_pylist()


@headrace.resource
def orders() -> Iterator[dict[str, Any]]:
    yield from ({"id": number, "kind": "ab"[number % 2]} for number in range(4))


def test_a_resource_has_the_name_of_its_function(shop: headrace.Pipeline) -> None:
    assert dict(shop.run(orders).rows) == {"orders": 4}


def test_a_resource_can_be_gone_through_without_a_pipeline() -> None:
    assert [row["id"] for row in orders] == [0, 1, 2, 3]


def test_a_resource_goes_to_the_table_that_it_names(shop: headrace.Pipeline) -> None:
    assert dict(shop.run(headrace.resource([{"id": 1}], name="x", table_name="y")).rows) == {"y": 1}


def test_a_function_gives_each_row_its_table(shop: headrace.Pipeline) -> None:
    split = headrace.resource(orders, name="split", table_name=lambda row: f"kind_{row['kind']}")
    assert dict(shop.run(split).rows) == {"kind_a": 2, "kind_b": 2}


def test_run_gives_all_resources_of_a_source_one_table_where_it_names_one(shop: headrace.Pipeline) -> None:
    assert dict(shop.run([orders, orders.with_name("more")], table_name="all").rows) == {"all": 8}


def test_maps_filters_and_limits_are_done_in_order(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    chosen = orders.copied().add_map(lambda row: {**row, "id": row["id"] * 10}).add_filter(lambda row: row["id"] > 0)
    shop.run(chosen.add_limit(2))
    assert column(there, "orders") == [10, 20]


def test_a_table_is_mapped_and_filtered_as_a_whole(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    table = headrace.resource(pa.table({"id": [1, 2, 3]}), name="t")
    shop.run(table.add_filter(lambda t: pc.greater(t["id"], 1)).add_map(lambda t: t.append_column("x", t["id"])))
    assert column(there, "t", "x") == [2, 3]


def test_a_transformer_is_fed_by_a_pipe(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    @headrace.transformer
    def details(order: dict[str, Any], factor: int) -> Iterator[dict[str, Any]]:
        yield {"id": order["id"] * factor}

    assert dict(shop.run(orders | details(factor=100)).rows) == {"details": 4}
    assert column(there, "details") == [0, 100, 200, 300]


def test_an_async_transformer_may_follow_a_resource(shop: headrace.Pipeline) -> None:
    @headrace.transformer(data_from=orders)
    async def details(order: dict[str, Any]) -> dict[str, Any]:
        return {"id": order["id"]}

    assert dict(shop.run(details).rows) == {"details": 4}


def test_a_transformer_that_nothing_feeds_says_so(shop: headrace.Pipeline) -> None:
    lonely = headrace.transformer(lambda item: item, name="lonely")
    with pytest.raises(ConfigError, match=r"has nothing to transform: write resource \| lonely"):
        shop.run(lonely)


@headrace.source
def store(page_size: int = headrace.config.value, token: str = headrace.secrets.value) -> Any:
    yield headrace.resource([{"size": page_size, "token": token}], name="pages")
    yield orders


def test_a_source_is_filled_from_configuration(
    shop: headrace.Pipeline, there: MemoryWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".headrace").mkdir()
    (tmp_path / ".headrace/config.toml").write_text("[sources.store]\npage_size = 50\n")
    (tmp_path / ".headrace/secrets.toml").write_text("[sources]\ntoken = 'a'\n")
    monkeypatch.setenv("SOURCES__STORE__TOKEN", "b")
    assert dict(shop.run(store()).rows) == {"pages": 1, "orders": 4}
    assert there.table("pages").select(["size", "token"]).to_pylist() == [{"size": 50, "token": "b"}]


def test_a_missing_value_lists_every_place_that_was_tried(shop: headrace.Pipeline, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no value for the setting store") as caught:
        store(token="x")
    text = str(caught.value)
    places = [
        "environment variable SOURCES__STORE__PAGE_SIZE",
        "environment variable SOURCES__PAGE_SIZE",
        "environment variable PAGE_SIZE",
        f"{tmp_path}/.headrace/secrets.toml: sources.store.page_size",
        f"{tmp_path}/.headrace/config.toml: page_size",
    ]
    assert [place for place in places if place not in text] == []


def test_a_secret_in_config_toml_is_refused(shop: headrace.Pipeline, tmp_path: Path) -> None:
    (tmp_path / ".headrace").mkdir()
    (tmp_path / ".headrace/config.toml").write_text("token = 'hidden'\n")
    with pytest.raises(ConfigError, match=r"token is a secret: move it to .*secrets\.toml") as caught:
        store(page_size=1)
    assert "hidden" not in str(caught.value)


def test_a_secret_may_be_a_mounted_file(
    shop: headrace.Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources__store__token").write_text("mounted\n")
    monkeypatch.setenv("HEADRACE_SECRETS_DIR", str(tmp_path))
    assert next(iter(store(page_size=1).pages)) == {"size": 1, "token": "mounted"}


def test_the_sections_of_the_pipeline_come_first(
    shop: headrace.Pipeline, there: MemoryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    @headrace.resource
    def sized(size: int = headrace.config.value) -> Any:
        yield {"size": size}

    monkeypatch.setenv("SIZE", "1")
    monkeypatch.setenv("SHOP__SIZE", "2")
    shop.run(sized)
    assert column(there, "sized", "size") == [2]


def test_only_selected_resources_are_loaded(shop: headrace.Pipeline) -> None:
    assert dict(shop.run(store(page_size=1, token="x").with_resources("orders")).rows) == {"orders": 4}


def test_a_source_gives_its_resources_by_attribute() -> None:
    assert store(page_size=1, token="x").orders.name == "orders"


@pytest.mark.parametrize(
    ("hints", "reason"),
    [
        (
            {"write_disposition": "upsert"},
            "write_disposition is one of append, replace, merge, scd2, skip, not 'upsert'",
        ),
        ({"write_disposition": {"strategy": "scd2"}}, "needs a 'disposition'"),
        ({"primary_key": 5}, "primary_key is the name of a column or a list of names, not 5"),
        ({"columns": "id"}, "columns is an object of hints by column"),
        ({"schema_contract": "frozen"}, "schema_contract: tables is one of evolve, freeze"),
        ({"max_table_nesting": -1}, "max_table_nesting is a number of levels"),
    ],
)
def test_a_hint_that_cannot_be_is_refused_with_the_valid_values(hints: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        headrace.resource([{"id": 1}], name="x", **hints)


def test_nesting_can_be_bounded_for_one_table(shop: headrace.Pipeline) -> None:
    flat = headrace.resource([{"id": 1, "tags": ["a"]}], name="flat", max_table_nesting=0)
    deep = headrace.resource([{"id": 1, "tags": ["a"]}], name="deep")
    assert dict(shop.run([flat, deep]).rows) == {"flat": 1, "deep": 1, "deep__tags": 1}


# -- cursors and state


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


FIRST = day(1)
EVENTS = [{"id": 1, "at": day(1)}, {"id": 2, "at": day(2)}]


@headrace.resource
def events(rows: Any, at: Any = headrace.incremental("at", initial_value=FIRST)) -> Any:
    yield list(rows) if isinstance(rows, list) else rows


@pytest.mark.parametrize("form", [list, pa.Table.from_pylist], ids=["rows", "table"])
def test_a_cursor_lets_only_new_rows_pass(shop: headrace.Pipeline, there: MemoryWarehouse, form: Any) -> None:
    shop.run(events(form(EVENTS)))
    shop.run(events(form([*EVENTS, {"id": 3, "at": day(2)}, {"id": 4, "at": day(3)}])))
    assert column(there, "events") == [1, 2, 3, 4]


def test_a_cursor_commits_with_the_rows(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    def broken() -> Iterator[Any]:
        yield from EVENTS
        raise LookupError

    with pytest.raises(PipelineStepFailed):
        shop.run(headrace.resource(lambda at=headrace.incremental("at"): broken(), name="events"))
    assert shop.state == {}
    shop.run(events(EVENTS))
    assert shop.state["resources"]["events"]["incremental"]["at"]["last_value"] == day(2)


def test_a_cursor_goes_on_where_the_destination_stands_on_another_machine(
    shop: headrace.Pipeline, there: MemoryWarehouse, tmp_path: Path
) -> None:
    shop.run(events(EVENTS))
    elsewhere = headrace.pipeline("shop", tmp_path / "new", destination="memory", dataset_name=str(tmp_path))
    elsewhere.run(events([*EVENTS, {"id": 3, "at": day(3)}]))
    assert column(there, "events") == [1, 2, 3]


def test_a_closed_range_leaves_the_cursor_alone(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    shop.run(events(EVENTS))
    shop.run(events(EVENTS, at=headrace.incremental("at", initial_value=day(1), end_value=day(2))))
    assert shop.state["resources"]["events"]["incremental"]["at"]["last_value"] == day(2)


def test_a_row_without_a_cursor_is_an_error_that_says_what_to_set(shop: headrace.Pipeline) -> None:
    with pytest.raises(ConfigError, match="on_cursor_value_missing"):
        shop.run(events([{"id": 1}]))


def test_a_resource_remembers_from_run_to_run(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    @headrace.resource
    def counted() -> Any:
        mine = headrace.resource_state("counted")
        mine["runs"] = mine.get("runs", 0) + 1
        yield {"id": mine["runs"]}

    for _ in range(3):
        shop.run(counted)
    assert column(there, "counted") == [1, 2, 3]


def test_state_that_cannot_be_kept_is_refused(shop: headrace.Pipeline) -> None:
    @headrace.resource
    def odd() -> Any:
        headrace.resource_state("odd")["x"] = object()
        yield {"id": 1}

    with pytest.raises(ConfigError, match="state cannot be kept"):
        shop.run(odd)
    assert not shop.has_pending_data


def test_state_outside_a_run_says_so() -> None:
    with pytest.raises(ConfigError, match="only while a pipeline extracts"):
        headrace.source_state()
