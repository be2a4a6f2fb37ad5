"""The pipeline surface, line by line as it is specified: one test for each line that no other file tests."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import yaml

import headrace
import sinks.memory
from sinks import DataRefused, SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from stream.api import create
from stream.errors import ConfigError, JobsFailed, PipelineStepFailed
from stream.runtime.staging import Staging

SIGNATURES = {
    headrace.pipeline: "(pipeline_name=None, pipelines_dir=None, pipeline_salt=None, destination=None, staging=None, "
    "dataset_name=None, import_schema_path=None, export_schema_path=None, full_refresh=False, credentials=None, "
    "progress=None)",
    headrace.attach: "(pipeline_name=None, pipelines_dir=None, pipeline_salt=None, full_refresh=False, "
    "credentials=None, progress=None)",
    headrace.run: "(data, *, destination=None, staging=None, dataset_name=None, credentials=None, table_name=None, "
    "write_disposition=None, columns=None, schema=None, primary_key=None, merge_key=None, schema_contract=None)",
    headrace.Pipeline.run: "(data, *, destination=None, staging=None, dataset_name=None, credentials=None, "
    "table_name=None, write_disposition=None, columns=None, schema=None, primary_key=None, merge_key=None, "
    "schema_contract=None)",
}
METHODS = (
    "extract", "normalize", "load", "run", "run_async", "sync_destination", "drop", "state", "schemas",
    "default_schema", "has_pending_data", "dataset", "last_trace", "list_extracted_load_packages",
    "list_normalized_load_packages", "list_completed_load_packages", "list_failed_jobs_in_package",
    "drop_pending_packages",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and home; no pipeline was made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(create, "_newest", [])
    return tmp_path


@pytest.fixture
def shop(tmp_path: Path) -> headrace.Pipeline:
    """A pipeline into memory."""
    return headrace.pipeline("shop", destination="memory", dataset_name=str(tmp_path))


@pytest.mark.parametrize("function", SIGNATURES)
def test_names_order_and_defaults_of_all_parameters(function: Callable[..., Any]) -> None:
    found = inspect.signature(function).parameters.values()
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found if p.name != "self"]
    assert str(inspect.Signature(bare)) == SIGNATURES[function]


def test_a_pipeline_has_all_that_the_specification_lists() -> None:
    assert [name for name in METHODS if not hasattr(headrace.Pipeline, name)] == []


def test_every_public_name_is_there() -> None:
    assert [name for name in headrace.__all__ if getattr(headrace, name) is None] == []


# pipeline() -> the most recently created pipeline, or a new one with all defaults


def test_pipeline_without_arguments_is_the_most_recently_created_one(shop: headrace.Pipeline) -> None:
    assert headrace.pipeline() is shop


def test_pipeline_name_defaults_to_the_scripts_name_with_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["jobs/load.py"])
    assert headrace.pipeline().pipeline_name == "headrace_load"


def test_pipelines_dir_defaults_to_the_home_folder(here: Path) -> None:
    assert headrace.pipeline("shop").working_dir == here / ".headrace/pipelines/shop"


def test_attach_takes_every_parameter_and_changes_nothing(shop: headrace.Pipeline, here: Path) -> None:
    shop.run([{"id": 1}], table_name="items")
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    headrace.attach("shop", pipeline_salt="s", full_refresh=True, progress="log")
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()} == before


# pipeline_salt


def emails(there: MemoryWarehouse) -> list[Any]:
    return there.table("people")["email"].to_pylist()


def test_anonymize_replaces_values_by_a_keyed_hash_before_anything_is_written(here: Path) -> None:
    people = headrace.resource(
        [{"id": 1, "email": "ada@x"}, {"id": 2, "email": "ada@x"}, {"id": 3, "email": None}, {"email": object()}],
        name="people",
        columns={"email": {"anonymize": True}},
    )
    made = headrace.pipeline("shop", destination="memory", dataset_name=str(here), pipeline_salt="pepper")
    made.extract(people)
    files = [path.read_bytes() for path in here.rglob("*") if path.is_file()]
    made.load()
    found = emails(sinks.memory.warehouse("memory://shop", str(here)))
    assert (len(set(found[:2])), found[2], any(b"ada@x" in content for content in files)) == (1, None, False)


def test_another_salt_gives_another_hash(here: Path) -> None:
    hashes = set()
    for salt in ("a", "b", None):
        data = headrace.resource([{"email": "ada@x"}], name="people", columns={"email": {"anonymize": True}})
        dataset = f"{here}/{salt}"
        headrace.pipeline("shop", destination="memory", dataset_name=dataset, pipeline_salt=salt).run(data)
        hashes.update(emails(sinks.memory.warehouse("memory://shop", dataset)))
    assert len(hashes) == 3


# destination, credentials


def test_a_destination_may_be_a_module(here: Path) -> None:
    assert headrace.pipeline("shop", destination=sinks.memory).destination == "memory://shop"


def test_a_destination_may_be_an_object_that_makes_a_sink() -> None:
    there = MemoryWarehouse()

    def mine(options: SinkOptions) -> MemorySink:
        return MemorySink(there, options)

    headrace.pipeline("shop", destination=mine).run([{"id": 1}], table_name="items")
    assert there.table("items").num_rows == 1


@dataclass
class Spec:
    """Credentials as an object."""

    host: str = "db"
    username: str = "me"
    password: str = "hidden"
    database: str = "shop"


@pytest.mark.parametrize(
    "credentials",
    [
        "postgresql://me:hidden@db/shop",
        {"host": "db", "username": "me", "password": "hidden", "database": "shop"},
        Spec(),
    ],
    ids=["text", "object", "spec"],
)
def test_credentials_may_be_text_an_object_or_a_spec(credentials: Any) -> None:
    made = headrace.pipeline("shop", destination="postgresql", credentials=credentials)
    assert (made.destination, "hidden" in repr(made)) == ("postgresql://me@db/shop", False)


@pytest.mark.parametrize(
    "environ",
    [
        {"DESTINATION__POSTGRES__CREDENTIALS": "postgres://me:hidden@db/shop"},
        {"SHOP__DESTINATION__POSTGRES__CREDENTIALS": "postgres://me:hidden@db/shop", "CREDENTIALS": "x"},
        {
            "DESTINATION__POSTGRES__CREDENTIALS__HOST": "db",
            "DESTINATION__POSTGRES__CREDENTIALS__USERNAME": "me",
            "DESTINATION__POSTGRES__CREDENTIALS__DATABASE": "shop",
        },
    ],
    ids=["whole", "of the pipeline", "in parts"],
)
def test_credentials_come_from_the_environment(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert headrace.pipeline("shop", destination="postgres").destination == "postgres://me@db/shop"


def test_credentials_come_from_secrets_toml(here: Path) -> None:
    (here / ".headrace").mkdir()
    (here / ".headrace/secrets.toml").write_text(
        "[destination.postgres.credentials]\nhost = 'db'\nusername = 'me'\npassword = 'hidden'\ndatabase = 'shop'\n"
    )
    assert headrace.pipeline("shop", destination="postgres").destination == "postgres://me@db/shop"


def test_headrace_config_and_secrets_read_by_name(here: Path) -> None:
    (here / ".headrace").mkdir()
    (here / ".headrace/config.toml").write_text("[shop]\nsize = 5\n")
    (here / ".headrace/secrets.toml").write_text("[shop]\ntoken = 'x'\n")
    assert (headrace.config["shop.size"], headrace.secrets["shop.token"], headrace.secrets.get("no")) == (5, "x", None)


# staging


def test_with_staging_files_land_there_first_and_are_loaded_from_there(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    take = Staging.take

    def watched(self: Staging, package: Any, staged: Any) -> Any:
        seen.extend(str(path.relative_to(here)) for path in sorted(here.glob("stage/**/*.parquet")))
        return take(self, package, staged)

    monkeypatch.setattr(Staging, "take", watched)
    made = headrace.pipeline("shop", destination="duckdb", dataset_name="d", staging=here / "stage")
    (load_id,) = made.run([{"id": 1, "tags": ["a"]}], table_name="items").load_ids
    assert seen == [f"stage/{load_id}/items/0000-000000.parquet", f"stage/{load_id}/items__tags/0001-000000.parquet"]
    assert made.dataset().sql("select count(*) from items").fetchall() == [(1,)]
    assert not list(here.glob("stage/*/*"))


@pytest.mark.parametrize(
    ("staging", "destination", "reason"),
    [
        ("postgresql://db/x", "duckdb", "postgresql is a database"),
        ("folder", "memory", "needs a destination that loads files"),
        ("nowhere://x", "duckdb", "nowhere:// is none that can be used here"),
        (5, "duckdb", "not a int"),
    ],
)
def test_a_staging_that_cannot_work_is_refused_at_once(staging: Any, destination: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        headrace.pipeline("shop", destination=destination, staging=staging)


# full_refresh, schemas


def test_full_refresh_loads_into_a_dataset_with_the_time_in_24_hours() -> None:
    made = headrace.pipeline("shop", dataset_name="sales", full_refresh=True)
    assert datetime.strptime(made.dataset_name, "sales_%Y%m%d%H%M%S")


def test_the_schema_is_written_to_the_export_folder(here: Path) -> None:
    made = headrace.pipeline("shop", destination="memory", dataset_name=str(here), export_schema_path=str(here / "out"))
    made.run([{"id": 1}], table_name="items")
    found = yaml.safe_load((here / "out/shop.schema.yaml").read_text())
    assert (found["version"], found["tables"]["items"]["columns"]["id"]["type"]) == (1, "bigint")


def test_the_schema_is_read_from_the_import_folder(here: Path) -> None:
    first = headrace.pipeline("shop", destination="memory", dataset_name="a", export_schema_path=str(here))
    first.run([{"id": 1}], table_name="items")
    file = here / "shop.schema.yaml"
    file.write_text(file.read_text().replace("type: bigint", "type: decimal(38,9)"))
    second = headrace.pipeline("shop", destination="memory", dataset_name="b", import_schema_path=str(here))
    second.drop().run([{"id": 2}], table_name="items")
    assert str(second.default_schema.tables["items"].columns["id"].type) == "decimal(38,9)"


def test_a_damaged_schema_file_is_refused(here: Path) -> None:
    (here / "shop.schema.yaml").write_text("tables: 5")
    made = headrace.pipeline("shop", destination="memory", import_schema_path=str(here))
    with pytest.raises(ConfigError, match="is no schema"):
        made.run([{"id": 1}], table_name="items")


# run, LoadInfo


def test_run_on_another_machine_takes_the_state_over_unless_told_not_to(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @headrace.resource
    def counted() -> Any:
        mine = headrace.resource_state("counted")
        mine["runs"] = mine.get("runs", 0) + 1
        yield {"id": mine["runs"]}

    def on(folder: str) -> headrace.Pipeline:
        return headrace.pipeline("shop", here / folder, destination="memory", dataset_name=str(here))

    on("one").run(counted)
    on("two").run(counted)
    monkeypatch.setenv("RESTORE_FROM_DESTINATION", "false")
    on("three").run(counted)
    assert sinks.memory.warehouse("memory://shop", str(here)).table("counted")["id"].to_pylist() == [1, 2, 1]


def test_load_info_names_everything_and_shows_no_secret(shop: headrace.Pipeline) -> None:
    info = shop.run([{"id": 1, "tags": ["a"]}], table_name="items")
    plain = info.asdict()
    sizes = plain["packages"][0].pop("table_bytes")
    assert (set(sizes), sum(sizes.values())) == ({"items", "items__tags"}, plain["packages"][0]["nbytes"])
    assert plain["packages"][0] | {"nbytes": 0} == {
        "load_id": info.load_ids[0],
        "state": "loaded",
        "rows": {"items": 1, "items__tags": 1},
        "nbytes": 0,
        "schema_changes": ("new table items", "new table items__tags"),
        "failed_jobs": (),
    }
    assert (plain["first_run"], plain["destination"], shop.last_trace) == (True, "memory://shop", info)


def test_a_step_that_fails_says_which_and_for_which_load(shop: headrace.Pipeline) -> None:
    def broken() -> Any:
        yield {"id": 1}
        raise LookupError("closed")

    with pytest.raises(PipelineStepFailed) as caught:
        shop.run(broken)
    assert (caught.value.step, type(caught.value.__cause__)) == ("extract", LookupError)


# columns and contracts


def kinds(made: headrace.Pipeline) -> dict[str, str]:
    return {
        name: str(column.type)
        for name, column in made.default_schema.tables["items"].columns.items()
        if not name.startswith("_hr_")
    }


def test_a_column_hint_gives_a_type(shop: headrace.Pipeline) -> None:
    columns = {"id": {"data_type": "text"}, "price": {"data_type": "decimal", "precision": 10, "scale": 2}}
    shop.run([{"id": 1, "price": 2}], table_name="items", columns=columns)
    assert kinds(shop) == {"id": "text", "price": "decimal(10,2)"}


def test_a_column_that_may_not_be_null_sets_rows_without_it_aside(shop: headrace.Pipeline) -> None:
    info = shop.run([{"id": 1}, {"x": 1}], table_name="items", columns={"id": {"nullable": False}})
    assert (dict(info.rows), dict(info.rejects)) == ({"items": 1}, {"required_missing": 1})


def test_a_frozen_schema_raises_and_blocks_nothing(shop: headrace.Pipeline) -> None:
    frozen = headrace.resource([{"id": 2, "new": 1}], name="items", schema_contract="freeze")
    shop.run([{"id": 1}], table_name="items")
    with pytest.raises(PipelineStepFailed, match="normalize failed"):
        shop.run(frozen)
    assert (shop.has_pending_data, shop.run([{"id": 3}], table_name="items").loads) == (False, 1)


def test_a_contract_discards_rows_and_counts_them(shop: headrace.Pipeline) -> None:
    shop.run([{"id": 1}], table_name="items")
    data = [{"id": 2, "new": 1}, {"id": 3}]
    info = shop.run(headrace.resource(data, name="items", schema_contract={"columns": "discard_row"}))
    assert (dict(info.rows), dict(info.skipped)) == ({"items": 1}, {"schema_discarded": 1})


def test_a_type_that_no_column_can_have_is_refused_with_the_table(shop: headrace.Pipeline) -> None:
    with pytest.raises(ConfigError, match="hints of table 'items'"):
        shop.run([{"id": 1}], table_name="items", columns={"id": {"data_type": "number"}})


# what else run takes


def test_a_schema_says_which_tables_and_columns_are_wanted(shop: headrace.Pipeline, here: Path) -> None:
    shop.run([{"id": 1.5, "more": "x"}], table_name="items")
    other = headrace.pipeline("other", destination="memory", dataset_name=f"{here}/other")
    other.run([{"id": 1}], table_name="items", schema=shop.default_schema)
    assert kinds(other) == {"id": "double", "more": "text"}


def test_a_schema_that_is_none_is_refused(shop: headrace.Pipeline) -> None:
    with pytest.raises(ConfigError, match="schema is a Schema"):
        shop.run([{"id": 1}], table_name="items", schema="x")


@pytest.mark.parametrize("given", [{"table_name": "x"}, {"write_disposition": "merge"}, {"columns": {"id": {}}}])
def test_hints_for_kafka_are_settings_of_its_topics(shop: headrace.Pipeline, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="has no meaning for Kafka"):
        shop.run(headrace.kafka("orders"), **given)


def test_failed_jobs_raise_where_that_is_configured(shop: headrace.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: MemorySink, batch: Any, step: Any) -> Any:
        raise DataRefused("a constraint of yours")

    monkeypatch.setattr(MemorySink, "load", refuse)
    monkeypatch.setenv("LOAD__RAISE_ON_FAILED_JOBS", "true")
    with pytest.raises(JobsFailed, match="a constraint of yours"):
        shop.run([{"id": 1}], table_name="items")


def test_parallelized_resources_are_gone_through_at_the_same_time(shop: headrace.Pipeline) -> None:
    both = Barrier(2, timeout=20)  # neither goes on alone

    def rows() -> Any:
        both.wait()
        yield from ({"id": number} for number in range(100))

    one, two = (headrace.resource(rows, name=name, parallelized=True) for name in ("one", "two"))
    assert dict(shop.run([one, two]).rows) == {"one": 100, "two": 100}


def test_a_parallelized_resource_that_raises_fails_the_step(shop: headrace.Pipeline) -> None:
    def broken() -> Any:
        yield {"id": 1}
        raise LookupError("closed")

    def endless() -> Any:
        while True:
            yield {"id": 1}

    resources = [headrace.resource(make, name=make.__name__, parallelized=True) for make in (broken, endless)]
    with pytest.raises(PipelineStepFailed, match="extract failed: closed"):
        shop.run(resources)
