"""Laws of keeping history: whatever the cuts and the order of arrival, each version of each key is there once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import anyio
import pytest
from hypothesis import assume, given, settings

from sinks import Sink, SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.sql import duckdb, postgres
from stream.config.topics import Topic
from support.histories import Read, histories, in_database, in_memory, is_late_before_the_table, loaded
from support.merging import Event, Versions, versions, versions_in

SETTINGS = Topic(write_disposition="scd2", primary_key=("id",), hard_delete="gone")


async def left_in(sink: Sink, batches: Sequence[Sequence[Event]], read: Read) -> Versions:
    """Load the batches, and return the versions of each key: from which tick, until which, note and items."""
    rows, items = await loaded(sink, SETTINGS, batches, read)
    return versions_in(rows, items)


def check(sink: Sink, history: tuple[list[Event], list[list[Event]]], read: Read) -> None:
    """Hold what a sink has after a history against the model."""
    events, batches = history
    assume(not is_late_before_the_table(batches))
    assert anyio.run(left_in, sink, batches, read) == versions(events)


@given(histories())
def test_each_version_of_each_key_is_kept_in_memory(history: tuple[list[Event], list[list[Event]]]) -> None:
    warehouse = MemoryWarehouse()
    check(MemorySink(warehouse, SinkOptions("shop", "sales", "me")), history, in_memory(warehouse))


@pytest.fixture(scope="module")
def datasets() -> count[int]:
    """Numbers for datasets: each history has one of its own."""
    return count()


@settings(max_examples=25, deadline=None)
@given(histories())
def test_each_version_of_each_key_is_kept_in_duckdb(
    tmp_path: Path, datasets: count[int], history: tuple[list[Event], list[list[Event]]]
) -> None:
    options = SinkOptions("shop", f"sales_{next(datasets)}", "me")
    check(duckdb.connect(f"duckdb:///{tmp_path}/shop.duckdb", options), history, in_database)


@settings(max_examples=25, deadline=None)
@given(histories())
def test_each_version_of_each_key_is_kept_in_postgres(
    postgres_dsn: str, datasets: count[int], history: tuple[list[Event], list[list[Event]]]
) -> None:
    options = SinkOptions("shop", f"history_laws_{next(datasets)}", "me")
    check(postgres.connect(postgres_dsn, options), history, in_database)
