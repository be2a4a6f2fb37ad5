"""Laws of merging: whatever the cuts and the order of arrival, the newest event of each key is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sinks import Sink, SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.sql import duckdb, postgres
from stream.config.topics import Topic
from support.merging import Event, Loader, newest

SETTINGS = Topic(write_disposition="merge", primary_key=("id",), hard_delete="gone")

Read: TypeAlias = Callable[[Any, str], Awaitable[list[dict[str, Any]]]]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[list[Event]]]:
    """Return events of two partitions, and the same in batches as a consumer may get them: each partition in order."""
    keys, notes = st.integers(1, 4), st.sampled_from("abc")
    items = st.fixed_dictionaries({"sku": notes})
    values = st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {"id": st.one_of(keys, keys, keys, st.none())},
            optional={"note": notes, "items": st.lists(items, max_size=3), "gone": st.booleans()},
        ),
    )
    told = draw(st.lists(st.tuples(st.integers(0, 1), keys, values), max_size=14))
    offsets: Counter[int] = Counter()
    events = []
    for tick, (partition, key, value) in enumerate(told):
        events.append(Event(partition, offsets[partition], tick, key, value))
        offsets[partition] += 1
    waiting = [[event for event in events if event.partition == number] for number in (0, 1)]
    batches = []
    while any(waiting):
        taken = [draw(st.integers(0, len(left))) for left in waiting]
        if not any(taken):
            taken = [len(left) for left in waiting]
        batch = [event for left, count in zip(waiting, taken, strict=True) for event in left[:count]]
        waiting = [left[count:] for left, count in zip(waiting, taken, strict=True)]
        batches.append(batch)
    return events, batches


async def left_in(sink: Sink, batches: Sequence[Sequence[Event]], read: Read) -> dict[int, Any]:
    """Load the batches, and return id, note and items of each row."""
    await sink.open()
    try:
        loader = Loader(sink, SETTINGS)
        for batch in batches:
            await loader.load(batch)
        made = (await sink.schema()).tables
        rows, items = [await read(sink, name) if name in made else [] for name in ("orders", "orders__items")]
    finally:
        await sink.aclose()
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


def is_late_before_the_table(batches: Sequence[Sequence[Event]]) -> bool:
    """Return whether a tombstone comes before any row made the table: such a one is not remembered."""
    for batch in batches:
        if any(event.value is not None and event.value.get("id") is not None for event in batch):
            return False
        if any(event.value is None for event in batch):
            return True
    return False


def check(sink: Sink, history: tuple[list[Event], list[list[Event]]], read: Read) -> None:
    """Hold what a sink has after a history against the model."""
    events, batches = history
    assume(not is_late_before_the_table(batches))
    assert anyio.run(left_in, sink, batches, read) == expected(events)


async def in_database(sink: Any, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table in a database."""
    rows: list[dict[str, Any]] = (await sink.query(f'select * from "{table}"')).to_pylist()
    return rows


@given(histories())
def test_the_newest_event_of_each_key_is_left_in_memory(history: tuple[list[Event], list[list[Event]]]) -> None:
    warehouse = MemoryWarehouse()

    async def read(sink: Any, table: str) -> list[dict[str, Any]]:
        return warehouse.table(table).to_pylist()

    check(MemorySink(warehouse, SinkOptions("shop", "sales", "me")), history, read)


@pytest.fixture(scope="module")
def datasets() -> count[int]:
    """Numbers for datasets: each history has one of its own."""
    return count()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_the_newest_event_of_each_key_is_left_in_duckdb(
    tmp_path: Path, datasets: count[int], history: tuple[list[Event], list[list[Event]]]
) -> None:
    options = SinkOptions("shop", f"sales_{next(datasets)}", "me")
    check(duckdb.connect(f"duckdb:///{tmp_path}/shop.duckdb", options), history, in_database)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_the_newest_event_of_each_key_is_left_in_postgres(
    postgres_dsn: str, datasets: count[int], history: tuple[list[Event], list[list[Event]]]
) -> None:
    options = SinkOptions("shop", f"merge_laws_{next(datasets)}", "me")
    check(postgres.connect(postgres_dsn, options), history, in_database)
