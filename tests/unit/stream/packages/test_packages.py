"""Load packages: whole or not there, one process at a time, finished before anything new."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import headrace
from sinks import DataRefused
from sinks.memory import MemorySink, MemoryWarehouse, warehouse
from stream.errors import ConfigError, JobsFailed, PipelineStepFailed
from stream.packages import PackageStore
from stream.packages.row_codec import decode_rows, encode_rows
from stream.packages.store import FolderInUse


@pytest.fixture
def shop(tmp_path: Path) -> headrace.Pipeline:
    """A pipeline into memory, with a working folder of its own."""
    return headrace.pipeline("shop", tmp_path, destination="memory", dataset_name=str(tmp_path))


@pytest.fixture
def there(tmp_path: Path) -> MemoryWarehouse:
    """What `shop` loaded."""
    return warehouse("memory://shop", str(tmp_path))


def ids(there: MemoryWarehouse, table: str = "items") -> list[int]:
    return there.table(table)["id"].to_pylist()


def test_the_steps_one_by_one_do_what_run_does(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    (load_id,) = shop.extract([{"id": 1, "tags": ["a"]}], table_name="items").load_ids
    assert shop.list_extracted_load_packages() == [load_id]
    assert shop.normalize().packages[0].rows == {"items": 1, "items__tags": 1}
    assert shop.list_normalized_load_packages() == [load_id]
    info = shop.load()
    assert (info.load_ids, shop.list_completed_load_packages()) == ((load_id,), [load_id])
    assert (ids(there), shop.has_pending_data) == ([1], False)


def test_what_is_pending_is_loaded_before_new_data(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    shop.extract([{"id": 1}], table_name="items")
    shop.extract([{"id": 2}], table_name="items")
    info = shop.run([{"id": 3}], table_name="items")
    assert (ids(there), info.loads) == ([1, 2, 3], 3)


def test_a_generator_is_not_started_while_pending_data_cannot_be_loaded(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    shop = headrace.pipeline("shop", tmp_path, destination=f"duckdb:///{there}/x.duckdb")
    shop.extract([{"id": 1}], table_name="items")
    shutil.rmtree(there)

    def never() -> Iterator[Any]:
        raise AssertionError("extracted before the pending data was loaded")
        yield

    with pytest.raises(PipelineStepFailed, match="sync failed"):
        shop.run(never)
    assert shop.has_pending_data


def test_extraction_in_a_lost_folder_goes_on_where_the_destination_stands(tmp_path: Path) -> None:
    @headrace.resource
    def orders(at: Any = headrace.incremental("at")) -> Iterator[Any]:
        yield from ({"at": at} for at in range(3))

    shop = headrace.pipeline("shop", tmp_path / "lost", destination=f"duckdb:///{tmp_path}/x.duckdb")
    shop.run(orders)
    shop = headrace.pipeline("shop", tmp_path / "new", destination=f"duckdb:///{tmp_path}/x.duckdb")
    shop.extract(orders)
    shop.load()
    assert shop.dataset().table("orders").arrow().num_rows == 3


def test_a_failed_extraction_leaves_nothing(shop: headrace.Pipeline, tmp_path: Path) -> None:
    def broken() -> Iterator[Any]:
        yield [{"id": 1}] * 3_000
        raise LookupError("closed")

    with pytest.raises(PipelineStepFailed, match="extract failed: closed"):
        shop.extract(broken)
    assert not list(tmp_path.rglob("*.arrow"))


def test_pending_packages_can_be_dropped(shop: headrace.Pipeline) -> None:
    load_ids = list(shop.extract([{"id": 1}], table_name="items").load_ids)
    assert (shop.drop_pending_packages(), shop.has_pending_data) == (load_ids, False)


def test_a_second_run_in_one_folder_is_refused(shop: headrace.Pipeline, tmp_path: Path) -> None:
    with PackageStore(tmp_path / "shop").locked(), pytest.raises(FolderInUse, match=r"another run \(process \d+\)"):
        shop.run([{"id": 1}], table_name="items")


def test_a_package_that_was_committed_before_the_note_is_not_loaded_twice(
    shop: headrace.Pipeline, there: MemoryWarehouse, tmp_path: Path
) -> None:
    (load_id,) = shop.run([{"id": 1}], table_name="items").load_ids
    packages = tmp_path / "shop/packages"
    (packages / "loading").mkdir(exist_ok=True)
    (packages / "loaded" / load_id).rename(packages / "loading" / load_id)
    shop.load()
    assert (ids(there), shop.list_completed_load_packages()) == ([1], [load_id])


def test_a_package_is_normalized_anew_when_another_pipeline_changed_the_schema(
    shop: headrace.Pipeline, there: MemoryWarehouse, tmp_path: Path
) -> None:
    shop.extract([{"id": 1, "new": "x"}], table_name="items")
    shop.normalize()
    other = headrace.pipeline("other", tmp_path, destination="memory://shop", dataset_name=str(tmp_path))
    other.run([{"id": 2, "new": 5}], table_name="items")
    shop.load()
    assert there.table("items").select(["id", "new", "new__v_text"]).to_pylist() == [
        {"id": 2, "new": 5, "new__v_text": None},
        {"id": 1, "new": None, "new__v_text": "x"},
    ]


def test_a_type_that_widens_over_pages_is_one_type_in_the_end(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    def pages() -> Iterator[Any]:
        yield pa.table({"id": [1], "x": pa.array([7], pa.int64())})
        yield pa.table({"id": [2], "x": pa.array([1.5])})
        yield pa.table({"id": [3], "y": ["late"]})

    shop.run(pages, table_name="items")
    assert there.table("items").select(["id", "x", "y"]).to_pylist() == [
        {"id": 1, "x": 7.0, "y": None},
        {"id": 2, "x": 1.5, "y": None},
        {"id": 3, "x": None, "y": "late"},
    ]


def test_a_widening_that_would_change_a_value_of_an_earlier_page_becomes_a_variant(
    shop: headrace.Pipeline, there: MemoryWarehouse
) -> None:
    def pages() -> Iterator[Any]:
        yield pa.table({"id": [1], "x": pa.array([2**53 + 1], pa.int64())})
        yield pa.table({"id": [2], "x": pa.array([1.5])})

    shop.run(pages, table_name="items")
    assert there.table("items").select(["x", "x__v_double"]).to_pylist() == [
        {"x": 2**53 + 1, "x__v_double": None},
        {"x": None, "x__v_double": 1.5},
    ]


def test_what_the_destination_refuses_for_good_is_a_failed_job_and_blocks_nothing(
    shop: headrace.Pipeline, there: MemoryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: MemorySink, batch: Any, step: Any) -> Any:
        raise DataRefused("a constraint of yours")

    with monkeypatch.context() as patch:
        patch.setattr(MemorySink, "load", refuse)
        info = shop.run([{"id": 1}], table_name="items")
    assert (info.has_failed_jobs, info.failed_jobs[0].table) == (True, "items")
    with pytest.raises(JobsFailed, match="a constraint of yours"):
        info.raise_on_failed_jobs()
    assert shop.list_failed_jobs_in_package(info.packages[0].load_id)[0].error == "a constraint of yours"
    shop.run([{"id": 2}], table_name="items")
    assert ids(there) == [2]


def test_row_ids_follow_from_load_id_and_number(shop: headrace.Pipeline, there: MemoryWarehouse) -> None:
    info = shop.run([{"id": 1}, {"id": 2}], table_name="items")
    assert there.table("items")["_hr_id"].to_pylist() == [f"{info.load_ids[0]}-0", f"{info.load_ids[0]}-1"]


def test_the_disposition_skip_loads_nothing_and_counts(shop: headrace.Pipeline) -> None:
    info = shop.run([{"id": 1}, {"id": 2}], table_name="items", write_disposition="skip")
    assert (dict(info.rows), dict(info.skipped), info.has_failed_jobs) == ({}, {"write_disposition": 2}, False)


def test_sync_is_refused_while_packages_are_pending(shop: headrace.Pipeline) -> None:
    shop.extract([{"id": 1}], table_name="items")
    with pytest.raises(ConfigError, match="packages that are not loaded"):
        shop.sync_destination()


def test_a_lost_working_folder_is_restored_by_sync(shop: headrace.Pipeline, tmp_path: Path) -> None:
    shop.run([{"id": 1}], table_name="items")
    shop.drop()
    assert not shop.default_schema.tables
    shop.sync_destination()
    assert list(shop.default_schema.tables) == ["items"]


def test_rows_survive_the_disk_exactly() -> None:
    from datetime import UTC, date, datetime, time
    from decimal import Decimal
    from uuid import UUID

    row = {
        "none": None, "yes": True, "big": -(2**90), "int": 2**63 - 1, "text": "☃", "half": "\ud800", "bytes": b"\x00",
        "decimal": Decimal("1.500"), "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "naive": datetime(2026, 1, 2),
        "day": date(2026, 1, 2), "clock": time(1, 2, 3, tzinfo=UTC), "id": UUID(int=7), "deep": {"list": [1.5, {}]},
    }  # fmt: skip
    assert decode_rows(encode_rows([row])) == [row]
