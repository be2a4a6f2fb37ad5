"""Schemas: what was applied is there, in full, once, whoever else is at it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import anyio
import pytest

from checkpoints.testing import A, step
from sinks.changes import WidenColumn
from sinks.contract import Sink
from sinks.errors import SchemaConflict, SinkError
from sinks.schema import (
    BIGINT,
    BINARY,
    BOOL,
    DATE,
    DOUBLE,
    JSON,
    TEXT,
    TIME,
    TIMESTAMP,
    Column,
    DataType,
    Schema,
    Table,
    decimal,
)
from sinks.testing.builders import ORDERS, Row, batch, claimed, data_step, grown, plan, settled, table
from sinks.testing.suite import SinkSuite, Warehouse

PAID = ORDERS.adding(Column("paid", BOOL))
NOTED = ORDERS.adding(Column("remark", TEXT))

# More than PostgreSQL holds in any table (1,600: MaxHeapAttributeNumber).
MANY_COLUMNS = 1_700

# Everything a schema can say: all types, paths of original keys, a variant, a parent, columns that are never null.
EVERY_TYPE = (TEXT, BIGINT, DOUBLE, BOOL, TIMESTAMP, DATE, TIME, BINARY, JSON, decimal(38, 0), decimal(20, 4))
RICH = Table(
    "orders",
    {
        "_hr_id": Column("_hr_id", TEXT, nullable=False),
        **{f"c{n}": Column(f"c{n}", kind, source=("Cürrent", "a.b", f"C {n}")) for n, kind in enumerate(EVERY_TYPE)},
        "c1__v_text": Column("c1__v_text", TEXT, source=("Cürrent", "a.b", "C 1"), variant_of="c1"),
    },
    source=("shop.Orders",),
)
CHILD = Table(
    "orders__items",
    {"_hr_parent_id": Column("_hr_parent_id", TEXT, nullable=False)},
    parent="orders",
    source=("shop.Orders", "Items"),
)


class SchemaContract(SinkSuite):
    """What `apply` does, what it refuses, and what two writers get."""

    async def test_a_new_dataset_has_the_empty_schema(self, sink: Sink) -> None:
        assert await sink.schema() == Schema()

    async def test_a_schema_comes_back_as_it_was_applied(self, sink: Sink, other: Sink) -> None:
        wanted = plan(Schema(), RICH, CHILD)
        await sink.apply(wanted)
        assert [await sink.schema(), await other.schema()] == [wanted.target, wanted.target]

    async def test_columns_keep_the_order_of_their_creation(self, sink: Sink) -> None:
        await grown(sink, table("orders", z=TEXT, a=TEXT))
        schema = await grown(sink, table("orders", z=TEXT, a=TEXT, m=TEXT))
        assert list(schema.tables["orders"].columns) == ["z", "a", "m"]

    async def test_a_plan_may_be_applied_twice(self, sink: Sink, other: Sink) -> None:
        wanted = plan(Schema(), ORDERS)
        await sink.apply(wanted)
        await sink.apply(wanted)
        await other.apply(wanted)
        assert await sink.schema() == wanted.target

    async def test_an_empty_plan_changes_nothing(self, sink: Sink) -> None:
        schema = await grown(sink, ORDERS)
        await sink.apply(plan(schema))
        assert await sink.schema() == schema

    async def test_an_added_column_is_null_in_older_rows(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        await sink.load(batch(schema, {"orders": [{"n": 1, "note": "a"}]}), data_step("before"))
        schema = await grown(sink, PAID)
        await sink.load(batch(schema, {"orders": [{"n": 2, "note": "b", "paid": True}]}), data_step("after"))
        rows = sorted(await warehouse.read("orders"), key=lambda row: str(row["n"]))
        assert rows == [{"n": 1, "note": "a", "paid": None}, {"n": 2, "note": "b", "paid": True}]

    @pytest.mark.parametrize(
        ("was", "becomes", "before", "after"),
        [
            (BIGINT, decimal(38, 0), [-(2**63), 2**63 - 1, None], [Decimal(-(2**63)), Decimal(2**63 - 1), None]),
            (BIGINT, DOUBLE, [-(2**53), 2**53], [-(2.0**53), 2.0**53]),
            (decimal(10, 2), decimal(38, 10), [Decimal("-99999999.99"), None], [Decimal("-99999999.99"), None]),
            (DATE, TIMESTAMP, [date(1969, 12, 31), None], [datetime(1969, 12, 31, tzinfo=UTC), None]),
        ],
        ids=str,
    )
    async def test_a_widened_column_keeps_its_values(
        self,
        sink: Sink,
        warehouse: Warehouse,
        was: DataType,
        becomes: DataType,
        before: list[object],
        after: list[object],
    ) -> None:
        schema = await grown(sink, table("orders", n=BIGINT, v=was))
        await sink.load(
            batch(schema, {"orders": [{"n": n, "v": v} for n, v in enumerate(before)]}), data_step("before")
        )
        schema = await grown(sink, table("orders", n=BIGINT, v=becomes))
        await sink.load(batch(schema, {"orders": [{"n": len(before), "v": after[0]}]}), data_step("after"))
        rows = sorted(await warehouse.read("orders"), key=lambda row: str(row["n"]))
        assert [row["v"] for row in rows] == [*after, after[0]]

    @pytest.mark.parametrize(("far", "can"), [(2**53, True), (-(2**53) - 1, False), (2**63 - 1, False)])
    async def test_a_bigint_becomes_a_double_only_where_every_integer_is_one(
        self, sink: Sink, warehouse: Warehouse, far: int, can: bool
    ) -> None:
        schema = await grown(sink, table("orders", v=BIGINT))
        rows: list[Row] = [{"v": 1}, {"v": None}, {"v": far}]
        await sink.load(batch(schema, {"orders": rows}), data_step("integers"))
        wider = plan(schema, table("orders", v=DOUBLE))
        (change,) = wider.changes
        assert isinstance(change, WidenColumn)
        assert await sink.can_widen(change, max_rows=100) == can
        if not can:
            with pytest.raises(SchemaConflict):
                await sink.apply(wider)
            assert (await sink.schema(), await warehouse.read("orders")) == (schema, rows)

    @pytest.mark.parametrize(("max_rows", "can"), [(0, False), (4, False), (5, True)])
    async def test_a_column_is_rewritten_in_a_table_of_few_rows_alone(
        self, sink: Sink, max_rows: int, can: bool
    ) -> None:
        schema = await grown(sink, ORDERS)
        await sink.load(batch(schema, {"orders": [{"n": n} for n in range(5)]}), data_step("five"))
        change = WidenColumn("orders", Column("n", decimal(38, 0)), BIGINT)
        assert await sink.can_widen(change, max_rows=max_rows) == can

    async def test_a_column_may_become_nullable(self, sink: Sink, warehouse: Warehouse) -> None:
        strict = Column("v", TEXT, nullable=False)
        await grown(sink, Table("orders", {"v": strict}))
        schema = await grown(sink, Table("orders", {"v": replace(strict, nullable=True)}))
        await sink.load(batch(schema, {"orders": [{"v": None}]}), data_step("after"))
        assert await warehouse.read("orders") == [{"v": None}]

    async def test_a_plan_from_an_older_schema_is_a_conflict(self, sink: Sink, other: Sink) -> None:
        schema = await grown(sink, ORDERS)
        newer = await grown(other, PAID)
        with pytest.raises(SchemaConflict):
            await sink.apply(plan(schema, NOTED))
        assert await sink.schema() == newer

    async def test_of_two_writers_one_wins_and_the_other_plans_again(self, sink: Sink, other: Sink) -> None:
        base = await grown(sink, ORDERS)
        lost: list[tuple[Sink, Table]] = []

        async def change(by: Sink, wanted: Table) -> None:
            try:
                await settled(lambda: by.apply(plan(base, wanted)))
            except SchemaConflict:
                lost.append((by, wanted))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(change, sink, PAID)
            tasks.start_soon(change, other, NOTED)
        ((loser, wanted),) = lost
        known = (await loser.schema()).tables["orders"]
        final = await grown(loser, replace(wanted, columns={**known.columns, **wanted.columns}))
        assert (set(final.tables["orders"].columns), final.version) == ({"n", "note", "paid", "remark"}, 3)

    async def test_two_writers_may_apply_the_same_plan_at_once(self, sink: Sink, other: Sink) -> None:
        wanted = plan(Schema(), ORDERS)
        async with anyio.create_task_group() as tasks:
            for by in (sink, other):
                tasks.start_soon(settled, lambda by=by: by.apply(wanted))
        assert await sink.schema() == wanted.target

    async def test_a_batch_for_an_older_schema_lands_whole_or_is_a_conflict(
        self, sink: Sink, other: Sink, warehouse: Warehouse
    ) -> None:
        schema = await grown(sink, ORDERS)
        stale = batch(schema, {"orders": [{"n": 1, "note": "a"}]})
        await grown(other, PAID)
        forward = step(await claimed(sink, 0), {A: 1})
        try:
            await sink.load(stale, forward)
        except SchemaConflict:
            assert await warehouse.read("orders") == []
            await sink.load(batch(await sink.schema(), {"orders": [{"n": 1, "note": "a"}]}), forward)
        assert await warehouse.read("orders") == [{"n": 1, "note": "a", "paid": None}]

    async def test_a_table_as_wide_as_allowed_is_created_and_loaded(self, sink: Sink, warehouse: Warehouse) -> None:
        wide = _wide(sink.capabilities.max_columns)
        row = {name: n % 2 == 0 for n, name in enumerate(wide.columns)}
        schema = await grown(sink, wide)
        await sink.load(batch(schema, {"wide": [row]}), data_step("wide"))
        assert await warehouse.read("wide") == [row]

    async def test_one_column_more_than_allowed_is_refused_with_the_limit(self, sink: Sink) -> None:
        limit = sink.capabilities.max_columns
        with pytest.raises(SinkError, match=str(limit)):
            await sink.apply(plan(Schema(), ORDERS, _wide(limit + 1)))
        assert await sink.schema() == Schema()
        await grown(sink, ORDERS)

    @pytest.mark.parametrize("before", [0, 100], ids=["created", "widened"])
    async def test_a_table_of_more_than_1600_columns_is_loaded_or_refused_with_the_limit(
        self, sink: Sink, warehouse: Warehouse, before: int
    ) -> None:
        known = await grown(sink, ORDERS, *([_wide(before)] if before else []))
        limit, wide = sink.capabilities.max_columns, _wide(MANY_COLUMNS)
        row = {name: n % 2 == 0 for n, name in enumerate(wide.columns)}
        if limit >= MANY_COLUMNS:
            await sink.load(batch(await grown(sink, wide), {"wide": [row]}), data_step("wide"))
            assert await warehouse.read("wide") == [row]
            return
        with pytest.raises(SinkError, match=rf"{MANY_COLUMNS} columns.*{limit}"):
            await sink.apply(plan(known, wide))
        await sink.load(batch(await sink.schema(), {"orders": [{"n": 1, "note": "a"}]}), data_step("after"))
        assert (await sink.schema(), await warehouse.read("orders")) == (known, [{"n": 1, "note": "a"}])

    async def test_a_document_of_json_means_the_same(self, sink: Sink, warehouse: Warehouse) -> None:
        text = (
            '{"b": [1, 2.5, null, true, {"deep": "🦔\\n\\"quoted\\""}], "a": {}, "big": 123456789012345678901234567890}'
        )
        schema = await grown(sink, table("orders", v=JSON))
        await sink.load(batch(schema, {"orders": [{"v": text}]}), data_step("json"))
        (row,) = await warehouse.read("orders")
        assert json.loads(str(row["v"])) == json.loads(text)


def _wide(columns: int) -> Table:
    # One byte a value: fifteen hundred wider ones would not fit one page of PostgreSQL.
    return table("wide", **{f"c{n}": BOOL for n in range(columns)})
