"""What every sink promises of tables that keep history: each version of each key once, whatever comes when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import anyio
import pyarrow as pa

from checkpoints.testing import A, B, at, step
from sinks.contract import Batch, Sink
from sinks.history import CONTENT, VALID_FROM, VALID_TO, VERSION_COLUMNS, closings_of
from sinks.merging import LOAD_ID, OFFSET, PARTITION, ROOT_ID, ROW_ID, TIME
from sinks.schema import BIGINT, TEXT, TIMESTAMP, Column, Schema, Table
from sinks.testing.builders import Row, data_step, grown, settled
from sinks.testing.suite import SinkSuite, Warehouse
from sinks.write import Scd2, SortBy

_NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
_PARENT_ID: Final = "_hr_parent_id"


@dataclass(frozen=True, slots=True)
class Said:
    """One event of the key `id` at a minute, which is its offset where nothing else is said; no note is a delete."""

    id: int
    offset: int
    note: str | None = None
    items: tuple[str, ...] = ()
    partition: int = 0
    minute: int | None = None
    rank: int | None = None

    @property
    def row_id(self) -> str:
        """Return the id of its row."""
        return f"t-{self.partition}-{self.offset}"

    def row(self, load_id: str) -> Row:
        """Return the columns of its root row."""
        time = _NOON + timedelta(minutes=self.offset if self.minute is None else self.minute)
        return {
            ROW_ID: self.row_id,
            LOAD_ID: load_id,
            PARTITION: self.partition,
            OFFSET: self.offset,
            TIME: time,
            "id": self.id,
            "note": self.note,
            "rank": self.rank,
            VALID_FROM: time,
            CONTENT: None if self.note is None else repr((self.note, self.items)),
        }


def keeping(write: Scd2) -> tuple[Table, Table]:
    """Return the tables `orders` and `orders__items` that are written so."""
    types = {ROW_ID: TEXT, LOAD_ID: TEXT, PARTITION: BIGINT, OFFSET: BIGINT, TIME: TIMESTAMP}
    types |= {"id": BIGINT, "note": TEXT, "rank": BIGINT}
    orders = {name: Column(name, kind, nullable=name not in (ROW_ID, "id")) for name, kind in types.items()}
    orders |= {column.name: column for column in VERSION_COLUMNS}
    names = (ROW_ID, _PARENT_ID, ROOT_ID, "value")
    items = {name: Column(name, TEXT, nullable=name != ROW_ID) for name in names}
    return Table("orders", orders, write=write), Table("orders__items", items, parent="orders", write=write)


def history_batch(schema: Schema, load_id: str, events: Iterable[Said]) -> Batch:
    """Return the batch of these events."""
    orders, items = schema.tables["orders"], schema.tables["orders__items"]
    rows = [event for event in events if event.note is not None]
    closings = [event.row(load_id) for event in events if event.note is None]
    children = [
        {ROW_ID: f"{event.row_id}-i-{place}", _PARENT_ID: event.row_id, ROOT_ID: event.row_id, "value": item}
        for event in rows
        for place, item in enumerate(event.items)
    ]
    tables = {
        "orders": pa.Table.from_pylist([event.row(load_id) for event in rows], orders.arrow),
        "orders__items": pa.Table.from_pylist(children, items.arrow),
    }
    return Batch(
        {name: table for name, table in tables.items() if table.num_rows},
        schema_version=schema.version,
        deletes={"orders": pa.Table.from_pylist(closings, closings_of(orders).arrow)} if closings else {},
    )


BY_ID: Final = Scd2(("id",))


class HistoryContract(SinkSuite):
    """Tests of versions, repetitions, late events, deletes and children."""

    async def test_a_change_closes_a_version_and_opens_one(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(1, 0, "a"), Said(2, 1, "x")], [Said(1, 2, "b"), Said(1, 3, "c")])
        assert await _versions(warehouse) == ["1 0-2 a", "1 2-3 b", "1 3- c", "2 1- x"]

    async def test_an_event_that_changes_nothing_opens_no_version(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(1, 0, "a", ("x",)), Said(1, 1, "a", ("x",))], [Said(1, 2, "a", ("x",))])
        assert await _versions(warehouse) == ["1 0- a x"]

    async def test_children_belong_to_their_version(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(1, 0, "a", ("x", "y"))], [Said(1, 1, "a", ("x",))], [Said(1, 2, "a")])
        assert await _versions(warehouse) == ["1 0-1 a xy", "1 1-2 a x", "1 2- a"]

    async def test_a_late_event_is_put_into_its_place(self, sink: Sink, warehouse: Warehouse) -> None:
        late = Said(1, 0, "late", ("z",), partition=1, minute=2)
        await _loaded(sink, BY_ID, [Said(1, 1, "a"), Said(1, 4, "b")], [late])
        assert await _versions(warehouse) == ["1 1-2 a", "1 2-4 late z", "1 4- b"]

    async def test_a_late_event_makes_a_version_of_what_repeated_another(
        self, sink: Sink, warehouse: Warehouse
    ) -> None:
        again = [Said(1, 3, "a", ("x", "y")), Said(1, 4, "a", ("x", "y"))]
        await _loaded(sink, BY_ID, [Said(1, 1, "a", ("x", "y")), *again], [Said(1, 0, "b", partition=1, minute=2)])
        assert await _versions(warehouse) == ["1 1-2 a xy", "1 2-3 b", "1 3- a xy"]

    async def test_a_version_begins_with_the_first_event_that_says_it(self, sink: Sink, warehouse: Warehouse) -> None:
        earlier = Said(1, 0, "a", ("x",), partition=1, minute=1)
        between = Said(1, 1, "b", partition=1, minute=2)
        await _loaded(sink, BY_ID, [Said(1, 3, "a", ("x",))], [earlier], [between])
        assert await _versions(warehouse) == ["1 1-2 a x", "1 2-3 b", "1 3- a x"]

    async def test_one_batch_folds_a_version_and_opens_a_repetition(self, sink: Sink, warehouse: Warehouse) -> None:
        earlier = Said(1, 0, "a", ("x",), partition=1, minute=1)
        between = Said(1, 1, "b", partition=1, minute=4)
        await _loaded(sink, BY_ID, [Said(1, 3, "a", ("x",)), Said(1, 5, "a", ("x",))], [earlier, between])
        assert await _versions(warehouse) == ["1 1-4 a x", "1 4-5 b", "1 5- a x"]

    async def test_a_delete_closes_and_what_comes_later_opens(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(1, 0, "a", ("x",))], [Said(1, 2)], [Said(1, 5, "a", ("x",))])
        assert await _versions(warehouse) == ["1 0-2 a x", "1 5- a x"]

    async def test_a_delete_in_one_batch_with_rows_counts_in_order(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(1, 2), Said(1, 0, "a"), Said(1, 3, "b"), Said(1, 4), Said(1, 5)])
        assert await _versions(warehouse) == ["1 0-2 a", "1 3-4 b"]

    async def test_a_delete_that_comes_first_closes_what_comes_late(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(2, 0, "x")], [Said(1, 5)], [Said(1, 0, "late", partition=1, minute=3)])
        assert await _versions(warehouse) == ["1 3-5 late", "2 0- x"]

    async def test_a_late_delete_closes_until_the_next_version(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, BY_ID, [Said(1, 0, "a"), Said(1, 4, "b")], [Said(1, 0, partition=1, minute=2)])
        assert await _versions(warehouse) == ["1 0-2 a", "1 4- b"]

    async def test_time_never_runs_backwards_in_a_history(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(
            sink, BY_ID, [Said(1, 0, "a", minute=5)], [Said(1, 1, "b", minute=3)], [Said(1, 2, "c", minute=7)]
        )
        assert await _versions(warehouse) == ["1 5-5 a", "1 5-7 b", "1 7- c"]

    async def test_the_column_to_sort_by_orders_versions(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Scd2(("id",), (SortBy("rank"),))
        await _loaded(sink, write, [Said(1, 0, "a", rank=1), Said(1, 1, "c", rank=3)], [Said(1, 2, "b", rank=2)])
        assert await _notes(warehouse) == ["a", "b", "c"]

    async def test_a_null_in_the_column_to_sort_by_comes_first(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Scd2(("id",), (SortBy("rank", lowest=True),))
        await _loaded(sink, write, [Said(1, 0, "b", rank=3), Said(1, 1, "c", rank=1)], [Said(1, 2, "a")])
        assert await _notes(warehouse) == ["a", "b", "c"]

    async def test_two_writers_of_the_same_keys_agree_on_history(
        self, sink: Sink, other: Sink, warehouse: Warehouse
    ) -> None:
        schema = await grown(sink, *keeping(BY_ID))
        one, two = await sink.claim([A], at(0, 0), {}), await other.claim([B], at(0, 0), {})
        mine = [Said(n, n, "a", ("o",), minute=2 * n) for n in range(20)]
        theirs = [Said(n, n, "b", ("n",), partition=1, minute=2 * n + 1) for n in range(20)]

        async def load(sink: Sink, batch: Batch, claim: Any, partition: Any, name: str) -> None:
            await settled(lambda: sink.load(batch, step(claim, {partition: 20}, load_id=name)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load, sink, history_batch(schema, "one", mine), one, A, "one")
            tasks.start_soon(load, other, history_batch(schema, "two", theirs), two, B, "two")
        expected = {line for n in range(20) for line in (f"{n} {2 * n}-{2 * n + 1} a o", f"{n} {2 * n + 1}- b n")}
        assert set(await _versions(warehouse)) == expected

    async def test_a_column_to_sort_versions_by_may_come_later(self, sink: Sink, warehouse: Warehouse) -> None:
        write = Scd2(("id",), (SortBy("weight"),))
        orders, items = keeping(write)
        await _loaded(sink, write, [Said(1, 0, "a")], [Said(1, 1, "a")])
        await grown(sink, orders.adding(Column("weight", BIGINT)), items)
        schema = await sink.schema()
        await sink.load(history_batch(schema, "more", [Said(1, 2, "b")]), data_step("more"))
        assert await _versions(warehouse) == ["1 0-2 a", "1 2- b"]


async def _loaded(sink: Sink, write: Scd2, *batches: list[Said]) -> None:
    schema = await grown(sink, *keeping(write))
    for number, events in enumerate(batches):
        await sink.load(history_batch(schema, f"load-{number}", events), data_step(f"load-{number}"))


async def _versions(warehouse: Warehouse) -> list[str]:
    """Return of each version the key, the minutes from and to, the note and the items."""
    rows = sorted(await warehouse.read("orders"), key=_begins)
    items = await warehouse.read("orders__items")
    assert len({row[ROW_ID] for row in rows}) == len(rows)
    assert len({item[ROW_ID] for item in items}) == len(items)
    assert {item[ROOT_ID] for item in items} <= {row[ROW_ID] for row in rows}
    assert all(item[_PARENT_ID] == item[ROOT_ID] for item in items)
    found = []
    for row in rows:
        below = "".join(sorted(str(item["value"]) for item in items if item[ROOT_ID] == row[ROW_ID]))
        times = f"{_minute(row[VALID_FROM])}-{_minute(row[VALID_TO])}"
        found.append(f"{row['id']} {times} {row['note']} {below}".strip())
    return found


async def _notes(warehouse: Warehouse) -> list[object]:
    """Return the notes of the one key there is, the newest last; times may be equal, but for the newest."""
    rows = await warehouse.read("orders")
    (newest,) = [row for row in rows if row[VALID_TO] is None]
    older = sorted((row for row in rows if row is not newest), key=lambda row: str(row["note"]))
    for one, two in zip(older, [*older[1:], newest], strict=True):
        assert one[VALID_TO] == two[VALID_FROM]
    return [row["note"] for row in (*older, newest)]


def _begins(row: dict[str, object]) -> tuple[Any, ...]:
    return row["id"], row[VALID_FROM], row[VALID_TO] is None, row[OFFSET]


def _minute(moment: object) -> str:
    return "" if moment is None else str(round((cast("datetime", moment) - _NOON).total_seconds()) // 60)
