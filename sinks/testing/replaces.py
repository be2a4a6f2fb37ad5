"""What every sink promises of tables that are replaced: the old content or the new one, never none and never both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checkpoints import Fenced
from checkpoints.testing import A, step
from sinks.contract import Sink
from sinks.testing.builders import claimed, data_step, grown
from sinks.testing.merges import Event, merge_batch, merging
from sinks.testing.suite import SinkSuite, Warehouse
from sinks.write import Merge, Replace


class ReplaceContract(SinkSuite):
    """Tests of batches that replace what is stored."""

    async def test_a_batch_replaces_a_table_and_what_is_below_it(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, [Event(1, 0, "a", ("x",)), Event(2, 1, "b", ("y", "z"))], [Event(3, 2, "c", ("v",))])
        assert (await _column(warehouse, "orders", "note"), await _column(warehouse, "orders__items", "value")) == (
            ["c"],
            ["v"],
        )

    async def test_a_batch_without_rows_empties_the_table(self, sink: Sink, warehouse: Warehouse) -> None:
        await _loaded(sink, [Event(1, 0, "a", ("x",))], [])
        assert [await warehouse.read(name) for name in ("orders", "orders__items")] == [[], []]

    async def test_a_fenced_replacement_leaves_the_old_content(
        self, sink: Sink, other: Sink, warehouse: Warehouse
    ) -> None:
        await _loaded(sink, [Event(1, 0, "a", ("x",))])
        zombie = await claimed(sink, 0)
        await claimed(other, 0)
        batch = merge_batch(await sink.schema(), "late", [Event(2, 1, "b")])
        with pytest.raises(Fenced):
            await sink.load(replace(batch, replaces=frozenset({"orders"})), step(zombie, {A: 1}, load_id="late"))
        assert await _column(warehouse, "orders", "note") == ["a"]


async def _loaded(sink: Sink, *batches: list[Event]) -> None:
    orders, items = merging(Merge(("id",)))
    await grown(sink, replace(orders, write=Replace()), replace(items, write=Replace()))
    schema = await sink.schema()
    for number, events in enumerate(batches):
        batch = merge_batch(schema, f"load-{number}", events)
        await sink.load(replace(batch, replaces=frozenset({"orders"})), data_step(f"load-{number}"))


async def _column(warehouse: Warehouse, table: str, column: str) -> list[object]:
    return [row[column] for row in await warehouse.read(table)]
