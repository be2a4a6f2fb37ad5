"""Laws of merging: whatever the cuts and the order of arrival, the newest event of each key is left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import assume, given, settings

from sinks import Sink, SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.sql import duckdb, postgres
from stream.config.topics import Topic
from support.histories import Read, histories, in_database, in_memory, is_late_before_the_table, loaded
from support.merging import Event, newest

SETTINGS = Topic(write_disposition="merge", primary_key=("id",), hard_delete="gone")


async def left_in(sink: Sink, batches: Sequence[Sequence[Event]], read: Read) -> dict[int, Any]:
    """Load the batches, and return id, note and items of each row."""
    rows, items = await loaded(sink, SETTINGS, batches, read)
    assert len({row["id"] for row in rows}) == len(rows)
    assert {item["_hr_root_id"] for item in items} <= {row["_hr_id"] for row in rows}
    skus = sorted((item["_hr_root_id"], item["_hr_list_idx"], item.get("sku")) for item in items)
    return {row["id"]: (row.get("note"), [sku for root, _, sku in skus if root == row["_hr_id"]]) for row in rows}


def expected(events: Sequence[Event]) -> dict[int, Any]:
    """Return what the model says."""
    return {
        key: (value.get("note"), [item["sku"] for item in value.get("items", [])])
        for key, value in newest(events).items()
    }


def check(sink: Sink, history: tuple[list[Event], list[list[Event]]], read: Read) -> None:
    """Hold what a sink has after a history against the model."""
    events, batches = history
    assume(not is_late_before_the_table(batches))
    assert anyio.run(left_in, sink, batches, read) == expected(events)


@given(histories())
def test_the_newest_event_of_each_key_is_left_in_memory(history: tuple[list[Event], list[list[Event]]]) -> None:
    warehouse = MemoryWarehouse()
    check(MemorySink(warehouse, SinkOptions("shop", "sales", "me")), history, in_memory(warehouse))


@pytest.fixture(scope="module")
def datasets() -> count[int]:
    """Numbers for datasets: each history has one of its own."""
    return count()


@settings(max_examples=25, deadline=None)
@given(histories())
def test_the_newest_event_of_each_key_is_left_in_duckdb(
    tmp_path: Path, datasets: count[int], history: tuple[list[Event], list[list[Event]]]
) -> None:
    options = SinkOptions("shop", f"sales_{next(datasets)}", "me")
    check(duckdb.connect(f"duckdb:///{tmp_path}/shop.duckdb", options), history, in_database)


@settings(max_examples=25, deadline=None)
@given(histories())
def test_the_newest_event_of_each_key_is_left_in_postgres(
    postgres_dsn: str, datasets: count[int], history: tuple[list[Event], list[list[Event]]]
) -> None:
    options = SinkOptions("shop", f"merge_laws_{next(datasets)}", "me")
    check(postgres.connect(postgres_dsn, options), history, in_database)
