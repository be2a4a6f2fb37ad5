"""Loads: rows, rejects, ledger and position in one commit, or nothing of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import anyio
import pytest

from checkpoints import Checkpoint, Fenced, OffsetRange, Position, Span
from checkpoints.testing import PIPELINE, A, B, at, step
from sinks.contract import Batch, Sink
from sinks.schema import BIGINT, TEXT
from sinks.testing.builders import ORDERS, Row, batch, claimed, data_step, grown, reject, table
from sinks.testing.suite import SinkSuite, Warehouse

ITEMS = table("orders__items", n=BIGINT, sku=TEXT)


async def numbers(warehouse: Warehouse, name: str = "orders") -> list[object]:
    """Return column `n` of a table, sorted."""
    return sorted(row["n"] for row in await warehouse.read(name))  # type: ignore[type-var]  # integers, as loaded


def numbered(*values: int) -> list[Row]:
    """Return rows for `ORDERS`."""
    return [{"n": n, "note": f"note {n}"} for n in values]


class LoadContract(SinkSuite):
    """What one load does, and what it leaves when it does not."""

    async def test_rows_and_position_land_together(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        claim = await claimed(sink, 0)
        await sink.load(batch(schema, {"orders": numbered(1, 2, 3)}), step(claim, {A: 3}))
        assert await numbers(warehouse) == [1, 2, 3]
        assert (await sink.positions(["orders"])).position == at(3)

    async def test_one_load_writes_several_tables(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS, ITEMS)
        items: list[Row] = [{"n": 1, "sku": "a"}, {"n": 2, "sku": "b"}]
        rows = {"orders": numbered(1), "orders__items": items}
        await sink.load(batch(schema, rows), step(await claimed(sink, 0), {A: 1}))
        assert (await numbers(warehouse), await numbers(warehouse, "orders__items")) == ([1], [1, 2])

    async def test_the_receipt_says_what_was_loaded(self, sink: Sink) -> None:
        schema = await grown(sink, ORDERS)
        once = step(await claimed(sink, 0), {A: 3})
        receipt = await sink.load(batch(schema, {"orders": numbered(1, 2, 3)}), once)
        assert (receipt.step, dict(receipt.rows)) == (once, {"orders": 3})

    async def test_loads_follow_one_another(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        claim, here = await claimed(sink, 0), at(0)
        for n in range(5):
            forward = step(claim, {A: 1}, since=here)
            await sink.load(batch(schema, {"orders": numbered(n)}), forward)
            here = forward.upto
        assert await numbers(warehouse) == [0, 1, 2, 3, 4]

    async def test_owners_of_disjoint_partitions_load_at_once(
        self, sink: Sink, other: Sink, warehouse: Warehouse
    ) -> None:
        schema = await grown(sink, ORDERS)
        one = await sink.claim([A], at(0, 0), {})
        two = await other.claim([B], at(0, 0), {})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sink.load, batch(schema, {"orders": numbered(1)}), step(one, {A: 1}))
            tasks.start_soon(other.load, batch(schema, {"orders": numbered(2)}), step(two, {B: 1}))
        assert await numbers(warehouse) == [1, 2]

    async def test_a_load_without_rows_still_moves_the_position(self, sink: Sink) -> None:
        await sink.load(Batch(), step(await claimed(sink, 0), {A: 3}))
        assert (await sink.positions(["orders"])).position == at(3)

    async def test_a_table_without_rows_is_no_trouble(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        await sink.load(batch(schema, {"orders": []}), step(await claimed(sink, 0), {A: 3}))
        assert await warehouse.read("orders") == []

    async def test_a_fenced_load_leaves_nothing(self, sink: Sink, other: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        zombie = await claimed(sink, 0)
        await claimed(other, 0)
        with pytest.raises(Fenced):
            await sink.load(
                batch(schema, {"orders": numbered(1)}, rejects=[reject(A, 1)]), step(zombie, {A: 2}, load_id="late")
            )
        left = [await warehouse.read(name) for name in ("orders", "_hr_rejects", "_hr_loads")]
        assert (left, await sink.is_committed("late")) == ([[], [], []], False)

    async def test_a_fenced_sink_may_claim_again_and_go_on(self, sink: Sink, other: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        zombie = await claimed(sink, 0)
        await claimed(other, 0)
        with pytest.raises(Fenced):
            await sink.load(batch(schema, {"orders": numbered(1)}), step(zombie, {A: 1}))
        await sink.load(batch(schema, {"orders": numbered(2)}), step(await claimed(sink, 0), {A: 1}))
        assert await numbers(warehouse) == [2]

    async def test_a_step_that_landed_writes_nothing_twice(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        once, rows = (
            step(await claimed(sink, 0), {A: 1}),
            batch(schema, {"orders": numbered(1)}, rejects=[reject(A, 0)]),
        )
        await sink.load(rows, once)
        with pytest.raises(Fenced):
            await sink.load(rows, once)
        counts = [len(await warehouse.read(name)) for name in ("orders", "_hr_rejects", "_hr_loads")]
        assert counts == [1, 1, 1]

    async def test_a_load_has_landed_when_it_is_in_the_ledger(self, sink: Sink, other: Sink) -> None:
        claim = await claimed(sink, 0)
        before = await other.is_committed("load-1")
        await sink.load(Batch(), step(claim, {A: 3}, load_id="load-1"))
        assert (before, await other.is_committed("load-1"), await other.is_committed("load-2")) == (False, True, False)

    async def test_the_ledger_tells_what_became_of_each_range(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        claim = await claimed(sink, 10, 20)
        spans = (
            Span(OffsetRange(A, 10, 15), records=4, rejected=1, skipped=1),
            Span(OffsetRange(B, 20, 22), records=0, lost=True),
        )
        forward = Checkpoint(PIPELINE, "load-1", claim.position, at(15, 22), claim.epoch, spans)
        await sink.load(batch(schema, {"orders": numbered(1, 2)}, rejects=[reject(A, 12)]), forward)
        told = (
            "topic",
            "partition",
            "start_offset",
            "stop_offset",
            "records",
            "rows",
            "rejected",
            "skipped",
            "holes",
            "lost",
            "status",
        )
        ledger = sorted(await warehouse.read("_hr_loads"), key=lambda row: str(row["partition"]))
        assert [tuple(row[name] for name in told) for row in ledger] == [
            ("orders", 0, 10, 15, 4, 2, 1, 1, 1, False, "loaded"),
            ("orders", 1, 20, 22, 0, 0, 0, 0, 2, True, "lost"),
        ]
        assert {tuple(row[name] for name in ("load_id", "pipeline", "epoch", "owner")) for row in ledger} == {
            ("load-1", PIPELINE, claim.epoch, "one")
        }

    async def test_data_that_is_not_kafka_lands_once_by_its_load_id(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        rows = batch(schema, {"orders": numbered(1, 2)})
        await sink.load(rows, data_step("package-1"))
        with pytest.raises(Fenced):
            await sink.load(rows, data_step("package-1"))
        await sink.load(batch(schema, {"orders": numbered(3)}), data_step("package-2"))
        assert await numbers(warehouse) == [1, 2, 3]
        assert [row["load_id"] for row in await warehouse.read("_hr_loads")].count("package-1") == 1
        assert await sink.is_committed("package-1")

    async def test_rejects_keep_every_byte(self, sink: Sink, warehouse: Warehouse) -> None:
        kept = [
            (b"\x00key", b"\x00\xff\xfe{"),
            (None, None),
            (b"", b""),
            (b"'; --", "🦔".encode()),
            (b"k", b"x" * 70_000),
        ]
        rejects = [reject(A, offset, key=key, value=value) for offset, (key, value) in enumerate(kept)]
        await sink.load(Batch(rejects=tuple(rejects)), step(await claimed(sink, 0), {A: 5}))
        found = sorted(await warehouse.read("_hr_rejects"), key=lambda row: str(row["offset"]))
        assert [(row["key"], row["value"]) for row in found] == kept

    async def test_rejects_say_where_they_come_from_and_why(self, sink: Sink, warehouse: Warehouse) -> None:
        await sink.load(
            Batch(rejects=(reject(A, 4, error="no value"),)), step(await claimed(sink, 4), {A: 1}, load_id="load-1")
        )
        told = ("load_id", "pipeline", "topic", "partition", "offset", "timestamp", "reason", "error")
        (row,) = await warehouse.read("_hr_rejects")
        noon = datetime(2026, 3, 1, 12, 0, 0, 123_000, UTC)
        assert tuple(row[name] for name in told) == (
            "load-1", PIPELINE, "orders", 0, 4, noon, "invalid_json", "no value",
        )  # fmt: skip

    async def test_rejects_keep_headers_and_what_a_cut_value_was(self, sink: Sink, warehouse: Warehouse) -> None:
        cut = replace(reject(A, 0), headers='[["trace","a1"]]', value_bytes=5_000_000_000, value_sha256="ab" * 32)
        await sink.load(Batch(rejects=(cut, reject(A, 1))), step(await claimed(sink, 0), {A: 2}))
        found = sorted(await warehouse.read("_hr_rejects"), key=lambda row: str(row["offset"]))
        assert [(row["headers"], row["value_bytes"], row["value_sha256"]) for row in found] == [
            ('[["trace","a1"]]', 5_000_000_000, "ab" * 32), (None, None, None)
        ]  # fmt: skip

    @pytest.mark.parametrize("error", ["long " * 20_000, "NUL \x00", "lone surrogate \ud800", "quote ' \" % :x"])
    async def test_no_error_text_keeps_a_reject_out(self, sink: Sink, warehouse: Warehouse, error: str) -> None:
        await sink.load(Batch(rejects=(reject(A, 0, error=error),)), step(await claimed(sink, 0), {A: 1}))
        (row,) = await warehouse.read("_hr_rejects")
        assert str(row["error"]).startswith(error[:4])

    async def test_pipelines_of_one_dataset_do_not_fence_each_other(self, warehouse: Warehouse, sink: Sink) -> None:
        schema = await grown(sink, ORDERS)
        claim = await claimed(sink, 0)
        neighbour = warehouse.connect("neighbour", "another pipeline")
        await neighbour.open()
        await claimed(neighbour, 0)
        await sink.load(batch(schema, {"orders": numbered(1)}), step(claim, {A: 1}))
        seen = (await neighbour.schema()).tables.keys()
        await neighbour.aclose()
        assert (await numbers(warehouse), list(seen)) == ([1], ["orders"])

    async def test_a_sink_opened_later_finds_what_was_loaded(self, warehouse: Warehouse, sink: Sink) -> None:
        schema = await grown(sink, ORDERS)
        await sink.load(batch(schema, {"orders": numbered(1)}), step(await claimed(sink, 0), {A: 1}, load_id="load-1"))
        await sink.aclose()
        later = warehouse.connect("later")
        await later.open()
        found = (await later.schema(), await later.is_committed("load-1"), await numbers(warehouse))
        known = (await later.positions(["orders"])).position
        await later.aclose()
        assert (found, known) == ((schema, True, [1]), Position({A: 1}))
