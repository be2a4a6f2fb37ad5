"""What every sink promises of tables that merge: one row for each key, the newest, whatever comes when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import anyio
import pyarrow as pa
import pytest

from checkpoints import Fenced
from checkpoints.testing import A, B, at, step
from sinks.contract import Batch, Sink
from sinks.merging import LOAD_ID, OFFSET, PARTITION, ROOT_ID, ROW_ID, TIME, deletes_of
from sinks.schema import BIGINT, TEXT, TIMESTAMP, Column, Schema, Table
from sinks.testing.builders import Row, claimed, data_step, grown, settled
from sinks.testing.suite import SinkSuite, Warehouse
from sinks.write import Merge, SortBy

_NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the key `id`: a row with items, or a delete. Its time follows its offset."""

    id: int
    offset: int
    note: str | None = None
    items: tuple[str, ...] = ()
    partition: int = 0
    at: int | None = None
    delete: bool = False
    minute: int | None = None

    def row(self, load_id: str) -> Row:
        """Return the columns of its root row, those of a delete among them."""
        minute = self.offset if self.minute is None else self.minute
        return {
            ROW_ID: str(self.id),
            LOAD_ID: load_id,
            PARTITION: self.partition,
            OFFSET: self.offset,
            TIME: _NOON + timedelta(minutes=minute),
            "id": self.id,
            "note": self.note,
            "at": self.at,
            "gone": _NOON + timedelta(minutes=minute) if self.delete else None,
        }


def merging(write: Merge) -> tuple[Table, Table]:
    """Return the tables `orders` and `orders__items` that are written so."""
    system = {ROW_ID: TEXT, LOAD_ID: TEXT, PARTITION: BIGINT, OFFSET: BIGINT, TIME: TIMESTAMP}
    types = {**system, "id": BIGINT, "note": TEXT, "at": BIGINT, "gone": TIMESTAMP}
    required = {ROW_ID, *write.key}
    orders = {name: Column(name, kind, nullable=name not in required) for name, kind in types.items()}
    items = {name: Column(name, TEXT, nullable=name != ROW_ID) for name in (ROW_ID, ROOT_ID, "value")}
    return Table("orders", orders, write=write), Table("orders__items", items, parent="orders", write=write)


def merge_batch(schema: Schema, load_id: str, events: Iterable[Event]) -> Batch:
    """Return the batch of these events, at most one of each key."""
    orders, items = schema.tables["orders"], schema.tables["orders__items"]
    rows = [event for event in events if not event.delete]
    deletes = [event for event in events if event.delete]
    deleted = deletes_of(orders) if deletes else orders
    children = [
        {ROW_ID: f"{event.partition}-{event.offset}-{index}", ROOT_ID: str(event.id), "value": item}
        for event in rows
        for index, item in enumerate(event.items)
    ]
    tables = {
        "orders": pa.Table.from_pylist([event.row(load_id) for event in rows], orders.arrow),
        "orders__items": pa.Table.from_pylist(children, items.arrow),
    }
    gone = [{name: event.row(load_id).get(name) for name in deleted.columns} for event in deletes]
    return Batch(
        {name: table for name, table in tables.items() if table.num_rows},
        schema_version=schema.version,
        deletes={"orders": pa.Table.from_pylist(gone, deleted.arrow)} if gone else {},
    )


UPSERT: Final = Merge(("id",))


class MergeContract(SinkSuite):
    """Tests of upsert, insert-only, deletes, late events and children."""

    async def test_a_new_key_is_inserted_and_a_known_one_updated(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a"), Event(2, 1, "b")], [Event(1, 2, "c")])
        assert await _notes(warehouse) == {1: "c", 2: "b"}

    async def test_a_column_without_a_value_becomes_null(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a")], [Event(1, 1)])
        assert await _notes(warehouse) == {1: None}

    async def test_a_column_that_a_batch_leaves_out_becomes_null(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, *merging(UPSERT))
        await sink.load(merge_batch(schema, "one", [Event(1, 0, "a")]), data_step("one"))
        second = merge_batch(schema, "two", [Event(1, 1, "b")])
        narrow = replace(second, tables={"orders": second.tables["orders"].drop_columns(["note", "at", TIME])})
        await sink.load(narrow, data_step("two"))
        assert await _notes(warehouse) == {1: None}

    async def test_an_older_event_does_not_overwrite_a_newer_row(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 5, "new", ("x",))], [Event(1, 4, "late", ("y", "z")), Event(2, 3, "b")])
        assert (await _notes(warehouse), await _items(warehouse)) == ({1: "new", 2: "b"}, ["1 x"])

    async def test_between_partitions_the_later_timestamp_wins(self, sink: Sink, warehouse: Warehouse) -> None:
        late, early = Event(1, 7, "early", partition=0, minute=1), Event(1, 2, "late", partition=1, minute=2)
        await _loaded(sink, UPSERT, [early], [late])
        assert await _notes(warehouse) == {1: "late"}

    async def test_the_column_to_sort_by_counts_before_the_offset(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), sort=(SortBy("at"),))
        await _loaded(sink, write, [Event(1, 0, "a", at=9), Event(2, 1, "b", at=1)], [
            Event(1, 2, "late", at=8), Event(2, 3, "newer", at=1),
        ])  # fmt: skip
        assert await _notes(warehouse) == {1: "a", 2: "newer"}

    async def test_the_lowest_value_wins_on_request(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), sort=(SortBy("at", lowest=True),))
        await _loaded(sink, write, [Event(1, 0, "a", at=5)], [Event(1, 1, "b", at=6)], [Event(1, 2, "c", at=4)])
        assert await _notes(warehouse) == {1: "c"}

    async def test_a_row_without_a_value_to_sort_by_is_the_oldest(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), sort=(SortBy("at"),))
        await _loaded(
            sink, write, [Event(1, 0, "a", at=5), Event(2, 1, "b")], [Event(1, 2, "c"), Event(2, 3, "d", at=0)]
        )
        assert await _notes(warehouse) == {1: "a", 2: "d"}

    async def test_a_key_may_have_several_columns(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id", "at"))
        await _loaded(sink, write, [Event(1, 0, "a", at=1), Event(2, 1, "b", at=2)], [Event(1, 2, "c", at=1)])
        assert await _notes(warehouse) == {1: "c", 2: "b"}

    async def test_a_delete_removes_the_row_and_what_is_below_it(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a", ("x",)), Event(2, 1, "b", ("y",))], [Event(1, 2, delete=True)])
        assert (await _notes(warehouse), await _items(warehouse)) == ({2: "b"}, ["2 y"])

    async def test_a_delete_of_an_unseen_key_inserts_nothing(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a")], [Event(2, 1, delete=True)])
        assert await _notes(warehouse) == {1: "a"}

    async def test_an_older_delete_spares_a_newer_row(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 5, "a", ("x",))], [Event(1, 4, delete=True)])
        assert (await _notes(warehouse), await _items(warehouse)) == ({1: "a"}, ["1 x"])

    async def test_a_late_event_does_not_bring_a_deleted_row_back(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a")], [Event(1, 5, delete=True)], [Event(1, 4, "late", ("x",))])
        assert (await _notes(warehouse), await _items(warehouse)) == ({}, [])

    async def test_a_delete_counts_before_its_key_was_seen(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(2, 0, "b")], [Event(1, 5, delete=True)], [Event(1, 4, "late")])
        assert await _notes(warehouse) == {2: "b"}

    async def test_an_older_delete_does_not_make_a_newer_one_forgotten(self, sink: Sink, warehouse: Warehouse) -> None:
        deletes = [Event(1, 5, delete=True)], [Event(1, 2, delete=True)]
        await _loaded(sink, UPSERT, [Event(1, 0, "a")], *deletes, [Event(1, 4, "late")])
        assert await _notes(warehouse) == {}

    async def test_a_newer_event_brings_a_deleted_key_back(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a")], [Event(1, 5, delete=True)], [Event(1, 6, "again", ("x",))])
        assert (await _notes(warehouse), await _items(warehouse)) == ({1: "again"}, ["1 x"])

    async def test_rows_and_deletes_come_in_one_batch(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a"), Event(2, 1, "b")], [Event(1, 2, delete=True), Event(3, 3, "c")])
        assert await _notes(warehouse) == {2: "b", 3: "c"}

    async def test_a_soft_delete_marks_the_row_and_spares_what_is_below(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), soft_delete="gone")
        await _loaded(sink, write, [Event(1, 0, "a", ("x",))], [Event(1, 2, delete=True), Event(2, 3, delete=True)])
        (row,) = await warehouse.read("orders")
        assert (row["note"], row["gone"], await _items(warehouse)) == ("a", _NOON + timedelta(minutes=2), ["1 x"])

    async def test_a_soft_deleted_row_stays_so_against_a_late_event(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), soft_delete="gone")
        await _loaded(sink, write, [Event(1, 0, "a")], [Event(1, 2, delete=True)], [Event(1, 1, "late")])
        (row,) = await warehouse.read("orders")
        assert (row["note"], row["gone"]) == ("a", _NOON + timedelta(minutes=2))

    async def test_children_are_replaced_as_a_whole(self, sink: Sink, warehouse: Warehouse) -> None:
        first = [Event(1, 0, items=("x", "y")), Event(2, 1, items=("z",)), Event(3, 2, items=("v",))]
        await _loaded(sink, UPSERT, first, [Event(1, 3, items=("w",)), Event(2, 4)])
        assert await _items(warehouse) == ["1 w", "3 v"]

    async def test_insert_only_keeps_the_first(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), "insert-only")
        await _loaded(sink, write, [Event(1, 0, "a", ("x",))], [Event(1, 1, "b", ("y",)), Event(2, 2, "c", ("z",))])
        assert (await _notes(warehouse), await _items(warehouse)) == ({1: "a", 2: "c"}, ["1 x", "2 z"])

    async def test_a_fenced_merge_leaves_everything_as_it_was(
        self, sink: Sink, other: Sink, warehouse: Warehouse
    ) -> None:
        schema = await grown(sink, *merging(UPSERT))
        zombie = await claimed(sink, 0)
        await sink.load(merge_batch(schema, "one", [Event(1, 0, "a", ("x",)), Event(2, 1, "b")]), data_step("one"))
        await claimed(other, 0)
        late = merge_batch(schema, "two", [Event(1, 2, "z", ("y",)), Event(2, 3, delete=True)])
        with pytest.raises(Fenced):
            await sink.load(late, step(zombie, {A: 4}, load_id="two"))
        assert (await _notes(warehouse), await _items(warehouse)) == ({1: "a", 2: "b"}, ["1 x"])

    async def test_two_writers_of_the_same_keys_agree(self, sink: Sink, other: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, *merging(UPSERT))
        one, two = await sink.claim([A], at(0, 0), {}), await other.claim([B], at(0, 0), {})
        mine = [Event(n, n, "older", ("o",), partition=0, minute=n) for n in range(50)]
        theirs = [Event(n, n, "newer", ("n",), partition=1, minute=n + 1) for n in reversed(range(50))]

        async def load(sink: Sink, batch: Batch, claim: object, partition: object, name: str) -> None:
            await settled(lambda: sink.load(batch, step(claim, {partition: 50}, load_id=name)))  # type: ignore[arg-type, dict-item]  # as given below

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load, sink, merge_batch(schema, "one", mine), one, A, "one")
            tasks.start_soon(load, other, merge_batch(schema, "two", theirs), two, B, "two")
        notes, items = await _notes(warehouse), await _items(warehouse)
        assert (set(notes.values()), len(notes), len(items)) == ({"newer"}, 50, 50)

    async def test_a_column_to_sort_by_may_come_later(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Merge(("id",), sort=(SortBy("rank"),))
        orders, items = merging(write)
        await _loaded(sink, write, [Event(1, 0, "a")], [Event(2, 1, delete=True)])
        await grown(sink, orders.adding(Column("rank", BIGINT)), items)
        await _loaded_more(sink, [Event(1, 2, "b")], [Event(2, 3, delete=True)], [Event(2, 2, "late")])
        assert await _notes(warehouse) == {1: "b"}


async def _loaded(sink: Sink, write: Merge, *batches: list[Event]) -> None:
    await grown(sink, *merging(write))
    await _loaded_more(sink, *batches)


async def _loaded_more(sink: Sink, *batches: list[Event]) -> None:
    schema = await sink.schema()
    for events in batches:
        load_id = "-".join(f"{event.id}.{event.partition}.{event.offset}" for event in events)
        await sink.load(merge_batch(schema, load_id, events), data_step(load_id))


async def _notes(warehouse: Warehouse) -> Mapping[object, object]:
    rows = await warehouse.read("orders")
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row["note"] for row in rows}


async def _items(warehouse: Warehouse) -> list[str]:
    return sorted(f"{row[ROOT_ID]} {row['value']}" for row in await warehouse.read("orders__items"))
