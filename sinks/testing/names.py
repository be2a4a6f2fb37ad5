"""Names: whatever may be called a table or a column is one, and nothing else happens."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from sinks.changes import SchemaPlan, WidenColumn
from sinks.contract import Sink
from sinks.errors import SinkError
from sinks.schema import BIGINT, DOUBLE, TEXT, Column, Schema, Table
from sinks.testing.builders import ORDERS, batch, data_step, grown, plan, table
from sinks.testing.suite import SinkSuite, Warehouse

HOSTILE: Final = (
    'id" int); drop table victim; --',
    "id'); drop table victim; --",
    "id`; drop table victim; --",
    "select",
    "table",
    "user",
    "order",
    "null",
    "rowid",
    "main",
    "percent %s %(x)s %%",
    "colon :x ::int",
    "question ? $1 {x}",
    'quote " and "" more',
    "back\\slash",
    "new\nline\ttab",
    "  spaces ",
    "UPPER Case",
    "Zürich 🦔",
    "dot.ted",
    "1st",
    "-",
    "x" * 63,
)

UNUSABLE: Final = ("nul\x00inside", "", "lone \ud800")


class NameContract(SinkSuite):
    """Hostile names are names; names that a destination cannot hold are refused before anything changes."""

    @pytest.mark.parametrize("name", HOSTILE)
    async def test_a_hostile_name_is_only_a_name(self, sink: Sink, warehouse: Warehouse, name: str) -> None:
        schema = await grown(sink, table("victim", n=BIGINT))
        await sink.load(batch(schema, {"victim": [{"n": 7}]}), data_step("before"))
        schema = await grown(sink, Table(name, {name: Column(name, TEXT, source=(name,))}))
        number = Column(f"{name[:60]}_2", BIGINT)
        schema = await grown(sink, schema.tables[name].adding(number))
        row = {name: "value", number.name: 1}
        await sink.load(batch(schema, {name: [row]}), data_step("after"))
        assert await warehouse.read(name) == [row]
        assert await sink.can_widen(WidenColumn(name, replace(number, type=DOUBLE), BIGINT), max_rows=1)
        assert await warehouse.read("victim") == [{"n": 7}]
        assert await sink.schema() == schema

    async def test_names_of_the_greatest_length_stay_apart(self, sink: Sink, warehouse: Warehouse) -> None:
        longest = sink.capabilities.max_identifier_bytes
        a, b = (f"{'é' * (longest // 2 - 1)}{'x' * (longest % 2)}{end}" for end in ("aa", "bb"))
        schema = await grown(sink, *(Table(name, {c: Column(c, TEXT) for c in (a, b)}) for name in (a, b)))
        await sink.load(batch(schema, {a: [{a: "1", b: "2"}], b: [{a: "3", b: "4"}]}), data_step("one"))
        assert [await warehouse.read(name) for name in (a, b)] == [[{a: "1", b: "2"}], [{a: "3", b: "4"}]]

    async def test_tables_that_differ_in_case_alone_are_two_or_refused(self, sink: Sink, warehouse: Warehouse) -> None:
        tables = {name: table(name, n=BIGINT) for name in ("Orders", "orders")}
        if not sink.capabilities.case_sensitive_names:
            await _refused_together(sink, plan(Schema(), *tables.values()), "'Orders' and 'orders'")
            await _refused_together(sink, plan(await grown(sink, tables["Orders"]), tables["orders"]), "'orders'")
            return
        schema = await grown(sink, *tables.values())
        await sink.load(batch(schema, {"Orders": [{"n": 1}], "orders": [{"n": 2}]}), data_step("one"))
        assert [await warehouse.read(name) for name in tables] == [[{"n": 1}], [{"n": 2}]]

    async def test_columns_that_differ_in_case_alone_are_two_or_refused(self, sink: Sink, warehouse: Warehouse) -> None:
        wanted = table("facts", a=BIGINT, A=TEXT)
        if not sink.capabilities.case_sensitive_names:
            await _refused_together(sink, plan(Schema(), wanted), "'a' and 'A'")
            await _refused_together(sink, plan(await grown(sink, table("facts", a=BIGINT)), wanted), "'a' and 'A'")
            return
        schema = await grown(sink, wanted)
        await sink.load(batch(schema, {"facts": [{"a": 1, "A": "one"}]}), data_step("one"))
        assert await warehouse.read("facts") == [{"a": 1, "A": "one"}]

    @pytest.mark.parametrize("name", UNUSABLE)
    async def test_an_unusable_table_name_is_refused_before_any_ddl(self, sink: Sink, name: str) -> None:
        await _refused(sink, table(name, n=BIGINT))

    @pytest.mark.parametrize("name", UNUSABLE)
    async def test_an_unusable_column_name_is_refused_before_any_ddl(self, sink: Sink, name: str) -> None:
        await _refused(sink, Table("other", {name: Column(name, TEXT)}))

    async def test_a_table_name_too_long_is_refused_before_any_ddl(self, sink: Sink) -> None:
        await _refused(sink, table(_too_long(sink), n=BIGINT))

    async def test_a_column_name_too_long_is_refused_before_any_ddl(self, sink: Sink) -> None:
        await _refused(sink, Table("other", {_too_long(sink): Column(_too_long(sink), TEXT)}))

    async def test_a_column_of_a_reserved_name_is_refused_before_any_ddl(self, sink: Sink) -> None:
        for name in sink.capabilities.reserved_columns:
            with pytest.raises(SinkError, match=name):
                await sink.apply(plan(Schema(), ORDERS, Table("other", {name: Column(name, TEXT)}, parent="orders")))
        assert await sink.schema() == Schema()

    async def test_an_added_column_with_an_unusable_name_is_refused(self, sink: Sink) -> None:
        schema = await grown(sink, ORDERS)
        with pytest.raises(SinkError):
            await sink.apply(plan(schema, ORDERS.adding(Column("nul\x00inside", TEXT))))
        assert await sink.schema() == schema


def _too_long(sink: Sink) -> str:
    return "é" * (sink.capabilities.max_identifier_bytes // 2 + 1)


async def _refused_together(sink: Sink, wanted: SchemaPlan, told: str) -> None:
    """Assert that a plan is refused for two names that are one to this sink, and that nothing of it was done."""
    with pytest.raises(SinkError, match=told):
        await sink.apply(wanted)
    assert await sink.schema() == wanted.base


async def _refused(sink: Sink, wanted: Table) -> None:
    """Assert that a plan with this table is refused, and that no other change of the plan was made."""
    with pytest.raises(SinkError):
        await sink.apply(plan(Schema(), ORDERS, wanted))
    assert await sink.schema() == Schema()
    await sink.apply(plan(Schema(), ORDERS))
    with pytest.raises(SinkError):
        await sink.apply(plan(await sink.schema(), wanted))
    assert list((await sink.schema()).tables) == ["orders"]
