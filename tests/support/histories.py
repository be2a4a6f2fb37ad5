"""Random histories of two partitions, and the same cut into batches as a consumer may get them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st

from sinks import Sink
from sinks.memory import MemoryWarehouse
from stream.config.topics import Topic
from support.merging import Event, Loader

Read: TypeAlias = Callable[[Any, str], Awaitable[list[dict[str, Any]]]]
"""Gives the rows of a table of a sink."""


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


def is_late_before_the_table(batches: Sequence[Sequence[Event]]) -> bool:
    """Return whether a tombstone comes before any row made the table: such a one is not remembered."""
    for batch in batches:
        if any(event.value is not None and event.value.get("id") is not None for event in batch):
            return False
        if any(event.value is None for event in batch):
            return True
    return False


async def in_database(sink: Any, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table in a database."""
    rows: list[dict[str, Any]] = (await sink.query(f'select * from "{table}"')).to_pylist()
    return rows


def in_memory(warehouse: MemoryWarehouse) -> Read:
    """Return what reads a table of a destination in memory."""

    async def read(_: Any, table: str) -> list[dict[str, Any]]:
        return warehouse.table(table).to_pylist()

    return read


async def loaded(
    sink: Sink, settings: Topic, batches: Sequence[Sequence[Event]], read: Read
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Load the batches, and return the rows of the root table and those of its items."""
    await sink.open()
    try:
        loader = Loader(sink, settings)
        for batch in batches:
            await loader.load(batch)
        made = (await sink.schema()).tables
        rows, items = [await read(sink, name) if name in made else [] for name in ("orders", "orders__items")]
    finally:
        await sink.aclose()
    return rows, items
