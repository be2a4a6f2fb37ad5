"""`AuditContract`: what a sink with the optional port promises to those on call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pytest

from checkpoints import Claim, Fenced, OffsetRange, Partition
from checkpoints.testing import ORIGINS, A, B, step
from sinks.audit import BUCKET, Audit, Auditable, RejectFilter, Tally, TopicScope, Watermark, mixed
from sinks.contract import Batch, Sink
from sinks.document import version_hash
from sinks.schema import BIGINT, TEXT, Column, DataType, Schema, Table
from sinks.testing.builders import batch, claimed, grown, reject
from sinks.testing.merged_audits import MergedAuditContract
from sinks.testing.suite import Warehouse, opened

TOPIC: Final = A.topic
SCOPE: Final = TopicScope(TOPIC, "events")
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _columns(**types: DataType) -> dict[str, Column]:
    return {name: Column(name, kind) for name, kind in types.items()}


EVENTS: Final = Table(
    "events", _columns(_hr_id=TEXT, _hr_load_id=TEXT, _kafka_partition=BIGINT, _kafka_offset=BIGINT, n=BIGINT)
)
ITEMS: Final = Table(
    "events__items", _columns(_hr_id=TEXT, _hr_parent_id=TEXT, _hr_list_idx=BIGINT, sku=TEXT), parent="events"
)
LABELS: Final = Table(
    "events__items__labels",
    _columns(_hr_id=TEXT, _hr_parent_id=TEXT, _hr_list_idx=BIGINT, value=TEXT),
    parent="events__items",
)


def _events(schema: Schema, partition: Partition, offsets: Iterable[int], load_id: str = "x") -> Batch:
    """Return an event for each offset, each with two items of one label each."""
    events, items, labels = [], [], []
    for offset in offsets:
        row_id = f"{partition.number}-{offset}"
        place = {"_kafka_partition": partition.number, "_kafka_offset": offset}
        events.append({"_hr_id": row_id, "_hr_load_id": load_id, **place, "n": offset})
        for index in range(2):
            item = f"{row_id}-i{index}"
            items.append({"_hr_id": item, "_hr_parent_id": row_id, "_hr_list_idx": index, "sku": f"s{index}"})
            labels.append({"_hr_id": f"{item}-l0", "_hr_parent_id": item, "_hr_list_idx": 0, "value": "new"})
    return batch(schema, {"events": events, "events__items": items, "events__items__labels": labels})


class AuditContract(MergedAuditContract):
    """What a sink holds, told in numbers, and how it is steered. A subclass gives `warehouse`."""

    @pytest.fixture
    async def audit(self, sink: Sink) -> Audit:
        assert isinstance(sink, Auditable)
        return sink.audit()

    @pytest.fixture
    async def claim(self, sink: Sink) -> Claim:
        return await claimed(sink, 0, 0)

    @pytest.fixture
    async def schema(self, sink: Sink) -> Schema:
        return await grown(sink, EVENTS, ITEMS, LABELS)

    @pytest.fixture
    async def held(self, sink: Sink, claim: Claim, schema: Schema) -> None:
        """Ten events of A in two loads, offset 7 of them a reject; three of B."""
        first = step(claim, {A: 5, B: 3}, load_id="first")
        both = [_events(schema, A, range(5), "first"), _events(schema, B, range(3), "first")]
        await sink.load(_joined(both), first)
        second = step(claim, {A: 5}, since=first.upto, load_id="second")
        spans = tuple(replace(span, rejected=1) for span in second.spans)
        rows = _events(schema, A, (5, 6, 8, 9), "second")
        await sink.load(replace(rows, rejects=(reject(A, 7),)), replace(second, spans=spans))

    # -- what is there

    async def test_the_states_tell_position_epoch_and_owner(self, audit: Audit, claim: Claim, held: None) -> None:
        found = [(s.partition, s.next_offset, s.epoch, s.owner) for s in await audit.states()]
        assert found == [(A, 10, claim.epoch, "one"), (B, 3, claim.epoch, "one")]

    async def test_the_inventory_counts_each_offset_once(self, audit: Audit, held: None) -> None:
        inventory = await audit.inventory(SCOPE)
        rows = [0, 1, 2, 3, 4, 5, 6, 8, 9]
        assert inventory.rows == (
            Tally(0, 0, 9, sum(rows), sum(map(mixed, rows))),
            Tally(1, 0, 3, 3, sum(map(mixed, range(3)))),
        )
        assert inventory.rejects == (Tally(0, 0, 1, 7, mixed(7)),)

    async def test_the_inventory_sums_up_the_ledger(self, audit: Audit, held: None) -> None:
        of_a, of_b = (await audit.inventory(SCOPE)).totals
        assert (of_a.partition, of_a.start, of_a.stop, of_a.records, of_a.rows) == (A, 0, 10, 10, 9)
        assert (of_a.rejected, of_a.skipped, of_a.holes, of_a.lost, of_a.loads) == (1, 0, 0, 0, 2)
        assert (of_b.partition, of_b.stop, of_b.rows) == (B, 3, 3)

    async def test_a_ledger_without_fault_has_none(self, audit: Audit, held: None) -> None:
        assert (await audit.inventory(SCOPE)).faults == ()

    async def test_a_line_that_does_not_add_up_is_a_fault(self, sink: Sink, audit: Audit, claim: Claim) -> None:
        await sink.load(Batch(), step(claim, {A: 5}))
        moved = step(claim, {B: 5})
        too_many = tuple(replace(span, records=7) for span in moved.spans)
        await sink.load(Batch(), replace(moved, spans=too_many))
        (fault,) = (await audit.inventory(SCOPE)).faults
        assert fault.range == OffsetRange(B, 0, 5)

    async def test_offsets_are_summed_up_by_bucket(
        self, sink: Sink, audit: Audit, claim: Claim, schema: Schema
    ) -> None:
        far = BUCKET + 3
        moved = step(claim, {A: far + 1})
        await sink.load(_events(schema, A, (1, far)), moved)
        assert (await audit.inventory(SCOPE)).rows == (Tally(0, 0, 1, 1, mixed(1)), Tally(0, BUCKET, 1, 3, mixed(3)))

    async def test_nobody_asks_for_what_lies_before_since(self, audit: Audit, held: None) -> None:
        inventory = await audit.inventory(replace(SCOPE, since={0: 5, 1: 3}))
        assert [(t.partition, t.count) for t in inventory.rows] == [(0, 4)]
        assert [(t.partition, t.start, t.stop) for t in inventory.totals] == [(A, 5, 10)]

    async def test_offsets_of_a_range_are_told_one_by_one(self, audit: Audit, held: None) -> None:
        found = await audit.held(SCOPE, OffsetRange(A, 6, 9))
        assert (found.rows, found.rejects) == ({6: 1, 8: 1}, {7: 1})

    async def test_rows_and_rejects_before_an_offset_are_counted(self, audit: Audit, held: None) -> None:
        assert await audit.count_before(SCOPE, A, 8) == 8

    async def test_the_ledger_is_read_from_an_offset_on(self, audit: Audit, held: None) -> None:
        assert [line.load_id for line in await audit.ledger(A, offset=5)] == ["second"]

    async def test_whole_lists_are_not_broken(self, audit: Audit, held: None) -> None:
        assert await audit.broken_lists(SCOPE, 10) == ()

    async def test_rows_of_a_range_come_with_their_children(self, audit: Audit, schema: Schema, held: None) -> None:
        found = await audit.rows(SCOPE, OffsetRange(A, 8, 10))
        assert {name: table.num_rows for name, table in found.items()} == {
            "events": 2,
            "events__items": 4,
            "events__items__labels": 4,
        }
        assert all(table.schema == schema.tables[name].arrow for name, table in found.items())

    async def test_a_row_is_found_with_its_root(self, audit: Audit, held: None) -> None:
        found = await audit.find("0-8-i1-l0")
        assert found is not None
        assert (found.table, found.root_table, found.root_id) == ("events__items__labels", "events", "0-8")
        assert (found.partition, found.offset, found.load_id) == (0, 8, "second")

    async def test_a_row_that_is_nowhere_is_not_found(self, audit: Audit, held: None) -> None:
        assert await audit.find("nobody") is None

    async def test_tables_are_counted(self, audit: Audit, held: None) -> None:
        assert await audit.table_rows() == {"events": 12, "events__items": 24, "events__items__labels": 24}

    async def test_the_newest_loads_come_first(self, audit: Audit, held: None) -> None:
        assert next(line.load_id for _, line in await audit.recent_loads(1)) == "second"

    async def test_the_schema_has_a_history(self, audit: Audit, held: None) -> None:
        (newest, *_) = await audit.schema_versions(5)
        assert newest.tables == 3

    async def test_each_version_of_the_schema_is_told_whole_with_its_first_load(
        self, sink: Sink, audit: Audit, claim: Claim, schema: Schema, held: None
    ) -> None:
        wider = await grown(sink, EVENTS.adding(Column("note", TEXT)), ITEMS, LABELS)
        newest, first = (await audit.stored_schemas(5))[:2]
        assert (newest.schema, newest.loads) == (wider, ())
        assert (first.schema, first.version_hash) == (schema, version_hash(schema))
        assert [(x.load_id, x.partition, x.start_offset, x.stop_offset) for x in first.loads] == [
            ("first", 0, 0, 5),
            ("first", 1, 0, 3),
        ]

    # -- rejects

    async def test_rejects_are_counted_and_told(self, audit: Audit, held: None) -> None:
        (count,) = await audit.reject_counts()
        (found,) = await audit.rejects(RejectFilter(topic=TOPIC, reason="invalid_json"))
        assert (count.topic, count.reason, count.records) == (TOPIC, "invalid_json", 1)
        assert (found.partition, found.offset, found.value) == (0, 7, b"{")

    async def test_a_page_of_rejects_goes_on_after_a_place(self, audit: Audit, held: None) -> None:
        assert await audit.rejects(RejectFilter(), after=(TOPIC, 0, 7)) == ()
        assert len(await audit.rejects(RejectFilter(), after=(TOPIC, 0, 6))) == 1

    async def test_a_replayed_reject_is_a_row_and_no_reject(self, audit: Audit, schema: Schema, held: None) -> None:
        replayed = await audit.rejects(RejectFilter())
        await audit.replay(_events(schema, A, (7,), "replay"), replayed, "replay")
        inventory = await audit.inventory(SCOPE)
        assert (inventory.rows[0].count, inventory.rejects, inventory.faults) == (10, (), ())
        assert (inventory.totals[0].rows, inventory.totals[0].rejected) == (10, 0)

    async def test_nothing_is_replayed_twice(self, audit: Audit, schema: Schema, held: None) -> None:
        replayed = await audit.rejects(RejectFilter())
        await audit.replay(_events(schema, A, (7,), "replay"), replayed, "replay")
        with pytest.raises(Fenced):
            await audit.replay(_events(schema, A, (7,), "again"), replayed, "again")
        assert (await audit.held(SCOPE, OffsetRange(A, 7, 8))).rows == {7: 1}

    async def test_dropped_rejects_are_skipped_records(self, audit: Audit, held: None) -> None:
        assert await audit.drop_rejects(RejectFilter(reason="invalid_json")) == 1
        (of_a, _) = (await audit.inventory(SCOPE)).totals
        assert (of_a.rejected, of_a.skipped, of_a.rows) == (0, 1, 9)

    # -- rewind

    async def test_a_rewind_takes_rows_children_and_rejects_of_the_range(self, audit: Audit, held: None) -> None:
        done = await audit.rewind((SCOPE,), {A: 6}, "ops")
        (part,) = done.partitions
        assert (part.partition, part.since, part.to, part.rows, part.rejects) == (A, 10, 6, 3, 1)
        assert done.children == {"events__items": 6, "events__items__labels": 6}
        assert await audit.table_rows() == {"events": 9, "events__items": 18, "events__items__labels": 18}
        assert await audit.rejects(RejectFilter()) == ()

    async def test_a_rewind_leaves_a_ledger_that_ends_where_the_position_is(self, audit: Audit, held: None) -> None:
        await audit.rewind((SCOPE,), {A: 6}, "ops")
        inventory = await audit.inventory(SCOPE)
        of_a = inventory.totals[0]
        assert (of_a.stop, of_a.rows, of_a.records, inventory.faults) == (6, 6, 6, ())
        assert inventory.states[0].next_offset == 6

    async def test_a_rewind_fences_whoever_loads(
        self, sink: Sink, audit: Audit, claim: Claim, held: None, schema: Schema
    ) -> None:
        await audit.rewind((SCOPE,), {A: 6}, "ops")
        late = step(claim, {A: 1}, since=(await sink.positions((TOPIC,))).position)
        with pytest.raises(Fenced):
            await sink.load(_events(schema, A, (6,)), late)

    async def test_after_a_rewind_whoever_claims_goes_on_from_there(
        self, sink: Sink, audit: Audit, held: None, schema: Schema
    ) -> None:
        await audit.rewind((SCOPE,), {A: 6}, "ops")
        again = await sink.claim([A], (await sink.positions((TOPIC,))).position, {})
        await sink.load(_events(schema, A, range(6, 10)), step(again, {A: 4}))
        inventory = await audit.inventory(SCOPE)
        assert (again.position.next[A], inventory.rows[0].count, inventory.faults) == (6, 10, ())

    async def test_a_topic_that_is_rewound_as_a_whole_may_be_another_by_then(
        self, sink: Sink, audit: Audit, held: None
    ) -> None:
        starts = (await sink.positions((TOPIC,))).position
        await audit.rewind((SCOPE,), {A: 6}, "ops")
        assert (await sink.positions((TOPIC,))).origins == ORIGINS
        await audit.rewind((SCOPE,), {A: 0, B: 0}, "ops")
        assert (await sink.positions((TOPIC,))).origins == {}
        await sink.claim([A, B], starts, {TOPIC: "cluster/new"})
        assert (await sink.positions((TOPIC,))).origins == {TOPIC: "cluster/new"}

    async def test_a_rewind_is_seen_until_somebody_claims(self, sink: Sink, audit: Audit, held: None) -> None:
        done = await audit.rewind((SCOPE,), {A: 6}, "ops")
        assert (await audit.control()).rewound == {A: done.epoch}
        await sink.claim([A], (await sink.positions((TOPIC,))).position, {})
        assert (await audit.control()).rewound == {}

    async def test_a_rehearsed_rewind_changes_nothing(self, audit: Audit, held: None) -> None:
        before = await audit.inventory(SCOPE)
        found = await audit.rehearse_rewind((SCOPE,), {A: 6, B: 99})
        assert ([part.rows for part in found.partitions], found.epoch) == ([3], 0)
        assert await audit.inventory(SCOPE) == before

    # -- wishes and watermarks

    async def test_a_pause_is_seen_by_others_until_it_is_lifted(self, audit: Audit, other: Sink) -> None:
        assert isinstance(other, Auditable)
        await audit.pause("maintenance")
        assert (await other.audit().control()).paused == "maintenance"
        await audit.pause("longer maintenance")
        assert (await other.audit().control()).paused == "longer maintenance"
        await audit.pause(None)
        assert (await other.audit().control()).paused is None

    async def test_rights_and_clock_are_told_before_there_is_a_dataset(self, audit: Audit) -> None:
        assert await audit.missing_rights() == ()
        assert abs(datetime.now(UTC) - await audit.clock()) < timedelta(minutes=5)

    async def test_a_watermark_moves_forward_only(self, audit: Audit, claim: Claim) -> None:
        await audit.advance_watermarks({A: NOON, B: NOON}, claim.epoch)
        await audit.advance_watermarks({A: NOON - timedelta(hours=1), B: NOON + timedelta(hours=1)}, claim.epoch)
        assert await audit.watermarks() == (Watermark(A, NOON), Watermark(B, NOON + timedelta(hours=1)))

    async def test_a_watermark_is_moved_by_the_owner_only(self, audit: Audit, claim: Claim) -> None:
        await audit.advance_watermarks({A: NOON}, claim.epoch - 1)
        assert await audit.watermarks() == ()

    async def test_a_rewind_takes_the_watermark_back(self, audit: Audit, claim: Claim, held: None) -> None:
        await audit.advance_watermarks({A: NOON, B: NOON}, claim.epoch)
        await audit.rewind((SCOPE,), {A: 6}, "ops")
        assert await audit.watermarks() == (Watermark(B, NOON),)

    async def test_pipelines_of_one_dataset_are_audited_apart(
        self, audit: Audit, warehouse: Warehouse, held: None
    ) -> None:
        async with opened(warehouse.connect("three", "another")) as stranger:
            assert isinstance(stranger, Auditable)
            assert (await stranger.audit().inventory(SCOPE)).totals == ()
            assert await stranger.audit().rejects(RejectFilter()) == ()


def _joined(some: list[Batch]) -> Batch:
    tables = {name: pa.concat_tables([one.tables[name] for one in some]) for name in some[0].tables}
    return replace(some[0], tables=tables)
