"""What the `Audit` port says of tables that merge, and what a rewind does to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from checkpoints import Claim, OffsetRange
from checkpoints.testing import A, step
from sinks.audit import Audit, Auditable, TopicScope
from sinks.contract import Batch, Sink
from sinks.merging import ROOT_ID, ROW_ID
from sinks.schema import BIGINT, TEXT, Column, Schema, Table
from sinks.testing.builders import claimed, grown
from sinks.testing.merges import UPSERT, Event, merge_batch, merging
from sinks.testing.suite import SinkSuite, Warehouse
from sinks.write import Merge

_SCOPE: Final = TopicScope(A.topic, "orders")
_PARENT: Final = "_hr_parent_id"
_INDEX: Final = "_hr_list_idx"


class MergedAuditContract(SinkSuite):
    """Tests of audit and rewind where one row stands for each key. A subclass gives `warehouse`."""

    async def test_rows_and_deletes_of_merged_keys_are_found_by_their_ids(self, sink: Sink) -> None:
        await _loaded(sink, UPSERT, [Event(1, 0, "a"), Event(2, 1, "b")], [Event(1, 2, "c"), Event(2, 3, delete=True)])
        audit = _audit(sink)
        assert await audit.row_ids(_SCOPE, OffsetRange(A, 0, 9)) == ((2, "1"),)
        assert await audit.places_of(_SCOPE, ["1", "2", "3"]) == {"1": ((0, 2),), "2": ((0, 3),)}

    async def test_what_merges_leave_has_no_fault(self, sink: Sink) -> None:
        events = [Event(1, 0, "a"), Event(2, 1, delete=True)], [Event(2, 2, "b"), Event(1, 3, delete=True)]
        await _loaded(sink, UPSERT, *events)
        assert await _audit(sink).merge_faults(_SCOPE, 10) == ()

    async def test_a_rewind_takes_merged_rows_of_the_range_and_loading_brings_them_back(
        self, sink: Sink, warehouse: Warehouse
    ) -> None:
        later = [Event(1, 2, "c", ("z",)), Event(2, 3, delete=True), Event(4, 4, "d")]
        claim = await _loaded(sink, UPSERT, [Event(1, 0, "a", ("x", "y")), Event(2, 1, "b")], later)
        before = await _held(warehouse)
        done = await _audit(sink).rewind((_SCOPE,), {A: 2}, "ops")
        assert (done.partitions[0].rows, dict(done.children)) == (2, {"orders__items": 1})
        assert await _held(warehouse) == ({}, [])
        await _loaded(sink, UPSERT, later, again=claim, first=2)
        assert await _held(warehouse) == before

    async def test_a_rewind_forgets_the_deletes_of_the_range(self, sink: Sink, warehouse: Warehouse) -> None:
        claim = await _loaded(sink, UPSERT, [Event(1, 0, "a"), Event(2, 1, "b")], [Event(1, 3, delete=True)])
        await _audit(sink).rewind((_SCOPE,), {A: 2}, "ops")
        await _loaded(sink, UPSERT, [Event(1, 2, "c")], again=claim, first=2)
        assert (await _held(warehouse))[0] == {1: "c", 2: "b"}

    async def test_a_rewind_undoes_soft_deletes_and_keeps_the_values(self, sink: Sink, warehouse: Warehouse) -> None:
        soft = Merge(("id",), soft_delete="gone")
        deletes = [Event(1, 2, delete=True)]
        claim = await _loaded(sink, soft, [Event(1, 0, "a", ("x",)), Event(2, 1, "b")], deletes)
        await _audit(sink).rewind((_SCOPE,), {A: 2}, "ops")
        rows = {row["id"]: (row["note"], row["gone"] is None) for row in await warehouse.read("orders")}
        assert (rows, len(await warehouse.read("orders__items"))) == ({1: ("a", True), 2: ("b", True)}, 1)
        await _loaded(sink, soft, deletes, again=claim, first=2)
        rows = {row["id"]: (row["note"], row["gone"] is None) for row in await warehouse.read("orders")}
        assert rows == {1: ("a", False), 2: ("b", True)}


def _audit(sink: Sink) -> Audit:
    assert isinstance(sink, Auditable)
    return sink.audit()


async def _loaded(
    sink: Sink, write: Merge, *loads: Iterable[Event], again: Claim | None = None, first: int = 0
) -> Claim:
    """Load events, each load up to behind its last one; the first one begins at offset `first`."""
    claim = await claimed(sink, 0, 0) if again is None else await sink.claim([A], again.position, {})
    schema = await grown(sink, *_tables(write)) if again is None else await sink.schema()
    at, moved = first, claim.position
    for number, events in enumerate(loads):
        some = list(events)
        load_id = f"load-{claim.epoch}-{number}"
        stop = max(event.offset for event in some) + 1
        each = step(claim, {A: stop - at}, since=moved, load_id=load_id)
        await sink.load(_batch(schema, load_id, some), each)
        at, moved = stop, each.upto
    return claim


def _tables(write: Merge) -> tuple[Table, Table]:
    orders, items = merging(write)
    below = {_PARENT: Column(_PARENT, TEXT), _INDEX: Column(_INDEX, BIGINT)}
    return orders, replace(items, columns={**items.columns, **below})


def _batch(schema: Schema, load_id: str, events: list[Event]) -> Batch:
    made = merge_batch(replace(schema, tables={**schema.tables, "orders__items": merging(UPSERT)[1]}), load_id, events)
    if "orders__items" not in made.tables:
        return made
    items = made.tables["orders__items"].append_column(_PARENT, made.tables["orders__items"][ROOT_ID])
    ids: list[Any] = items[ROW_ID].to_pylist()
    places = pa.array([int(row_id.rpartition("-")[2]) for row_id in ids], pa.int64())
    return replace(made, tables={**made.tables, "orders__items": items.append_column(_INDEX, places)})


async def _held(warehouse: Warehouse) -> tuple[dict[object, object], list[tuple[str, str]]]:
    rows = {row["id"]: row["note"] for row in await warehouse.read("orders")}
    return rows, sorted((str(row[ROOT_ID]), str(row["value"])) for row in await warehouse.read("orders__items"))
