"""The `Audit` port over tables in memory: what the port's words mean, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from checkpoints import Fenced, OffsetRange, Partition
from sinks.audit import (
    REWOUND_BY,
    BrokenList,
    Control,
    FoundRow,
    HeldOffsets,
    Inventory,
    MergeFault,
    PartitionState,
    RejectCount,
    RejectFilter,
    Rewound,
    RewoundPartition,
    SchemaVersion,
    StoredSchema,
    TopicScope,
    Watermark,
    whole_topics,
)
from sinks.contract import Batch
from sinks.document import version_hash
from sinks.ledger import LoadRow, RejectRow
from sinks.memory_books import around, faults_of, inside, named, place_of, tallies_of, totals_of
from sinks.memory_merged_audit import merge_faults, places_of, undo_merges
from sinks.merging import is_merged_root

if TYPE_CHECKING:
    from sinks.memory import MemoryWarehouse

_Row: TypeAlias = Mapping[str, Any]
_Place: TypeAlias = tuple[int, int]


class MemoryAudit:
    """An `Audit` over a `MemoryWarehouse`. No method suspends, so each one is of one instant."""

    def __init__(self, warehouse: MemoryWarehouse, pipeline: str) -> None:
        self._warehouse = warehouse
        self._pipeline = pipeline
        self._store = warehouse.store(pipeline)

    async def states(self) -> tuple[PartitionState, ...]:
        """Return where each partition stands, sorted."""
        return tuple(PartitionState(partition, *facts) for partition, facts in self._store.stands().items())

    async def inventory(self, scope: TopicScope) -> Inventory:
        """Return what is held of one topic."""
        lines = [line for line in self._lines(scope.topic) if line.stop_offset > scope.since.get(line.partition, 0)]
        by_partition = [(number, tuple(some)) for number, some in groupby(lines, lambda line: line.partition)]
        return Inventory(
            states=tuple(state for state in await self.states() if state.partition.topic == scope.topic),
            totals=tuple(totals_of(Partition(scope.topic, number), some) for number, some in by_partition),
            faults=tuple(fault for _, some in by_partition for fault in faults_of(some)),
            rows=tallies_of(self._places(scope)),
            rejects=tallies_of(self._reject_places(scope)),
        )

    async def held(self, scope: TopicScope, within: OffsetRange) -> HeldOffsets:
        """Return each offset of a range that is held, and how often."""

        def held_inside(places: Iterable[_Place]) -> Mapping[int, int]:
            mine = (offset for number, offset in places if number == within.partition.number)
            return dict(sorted(Counter(o for o in mine if within.start <= o < within.stop).items()))

        return HeldOffsets(held_inside(self._places(scope)), held_inside(self._reject_places(scope)))

    async def count_before(self, scope: TopicScope, partition: Partition, offset: int) -> int:
        """Return how many rows and rejects a partition has before `offset`."""
        places = [*self._places(scope), *self._reject_places(scope)]
        return sum(number == partition.number and at < offset for number, at in places)

    async def ledger(self, partition: Partition, *, offset: int = 0, limit: int = 1_000) -> tuple[LoadRow, ...]:
        """Return lines of the ledger that end after `offset`."""
        lines = (line for line in self._lines(partition.topic) if line.partition == partition.number)
        return tuple(line for line in lines if line.stop_offset > offset)[:limit]

    async def recent_loads(self, limit: int) -> tuple[tuple[datetime | None, LoadRow], ...]:
        """Return the newest lines of the ledger; nobody noted their times."""
        mine = [line for line in self._warehouse.loads if line.pipeline == self._pipeline]
        return tuple((None, line) for line in reversed(mine[-limit:]))

    async def broken_lists(self, scope: TopicScope, limit: int) -> tuple[BrokenList, ...]:
        """Return lists that lost an element, or their parent."""
        return tuple(broken for child in self._below(scope.table) for broken in self._broken(child))[:limit]

    async def merge_faults(self, scope: TopicScope, limit: int) -> tuple[MergeFault, ...]:
        """Return keys that are there more than once, and rows whose key was deleted since."""
        table = self._warehouse.schema.tables.get(scope.table or "")
        if table is None or not is_merged_root(table):
            return ()
        return tuple(merge_faults(table, self._rows(table.name), self._warehouse.merged(table.name)))[:limit]

    async def row_ids(self, scope: TopicScope, within: OffsetRange) -> tuple[tuple[int, str], ...]:
        """Return offset and id of each root row of a range."""
        inside = range(within.start, within.stop)
        mine = (row for row in self._of_topic(scope) if row["_kafka_partition"] == within.partition.number)
        return tuple((row["_kafka_offset"], row["_hr_id"]) for row in mine if row["_kafka_offset"] in inside)

    async def places_of(self, scope: TopicScope, row_ids: Sequence[str]) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """Return the places of the events that rows and remembered deletes are of."""
        name = scope.table or ""
        rows = self._rows(name) if name in self._warehouse.schema.tables else []
        return places_of(row_ids, rows, self._warehouse.merged(name))

    async def rows(self, scope: TopicScope, within: OffsetRange) -> Mapping[str, pa.Table]:
        """Return the rows of a range by table."""
        chosen = self._chosen(scope, within)
        return {name: self._with_ids(name, ids, among=True) for name, ids in chosen.items()}

    async def find(self, row_id: str) -> FoundRow | None:
        """Return where a row is, by its `_hr_id`."""
        for name in self._warehouse.schema.tables:
            for row in self._rows(name):
                if row.get("_hr_id") == row_id:
                    return self._found(name, row)
        return None

    async def table_rows(self) -> Mapping[str, int]:
        """Return how many rows each table has."""
        return {name: self._warehouse.table(name).num_rows for name in self._warehouse.schema.tables}

    async def schema_versions(self, limit: int) -> tuple[SchemaVersion, ...]:
        """Return the newest version of the schema: memory keeps no other."""
        schema = self._warehouse.schema
        columns = sum(len(table.columns) for table in schema.tables.values())
        return (SchemaVersion(schema.version, len(schema.tables), columns),) if schema.version else ()

    async def stored_schemas(self, limit: int) -> tuple[StoredSchema, ...]:
        """Return the newest versions of the schema; memory keeps no times."""
        newest = list(reversed(self._warehouse.history))[:limit]
        return tuple(
            StoredSchema(schema, version_hash(schema), pipeline, None, self._first_load(schema.version))
            for schema, pipeline in newest
        )

    def _first_load(self, schema_version: int) -> tuple[LoadRow, ...]:
        under_it = [line for line in self._warehouse.loads if line.schema_version == schema_version]
        first = under_it[0].load_id if under_it else None
        lines = [line for line in under_it if line.load_id == first]
        return tuple(sorted(lines, key=lambda line: (line.topic, line.partition)))

    async def reject_counts(self) -> tuple[RejectCount, ...]:
        """Return how many records were set aside, by topic and reason."""
        found: dict[tuple[str, str], list[RejectRow]] = {}
        for row in self._chosen_rejects(RejectFilter()):
            found.setdefault((row.topic, row.reason), []).append(row)
        return tuple(
            RejectCount(topic, reason, len(rows), max((row.timestamp for row in rows if row.timestamp), default=None))
            for (topic, reason), rows in sorted(found.items())
        )

    async def rejects(
        self, which: RejectFilter, *, after: tuple[str, int, int] | None = None, limit: int = 100
    ) -> tuple[RejectRow, ...]:
        """Return rejects in the order of topic, partition and offset."""
        found = sorted(self._chosen_rejects(which), key=place_of)
        return tuple(row for row in found if after is None or place_of(row) > after)[:limit]

    async def replay(self, batch: Batch, replayed: Sequence[RejectRow], load_id: str) -> None:
        """Write rows in the place of rejects."""
        if any(row not in self._warehouse.rejects for row in replayed):
            raise Fenced("some of these rejects are none any more: somebody else replayed or dropped them")
        self._warehouse.append(batch)
        self._remove(replayed, lambda line: replace(line, rejected=line.rejected - 1, rows=line.rows + 1))

    async def drop_rejects(self, which: RejectFilter) -> int:
        """Delete rejects, and count them as skipped."""
        chosen = self._chosen_rejects(which)
        self._remove(chosen, lambda line: replace(line, rejected=line.rejected - 1, skipped=line.skipped + 1))
        return len(chosen)

    async def rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int], by: str) -> Rewound:
        """Delete what was loaded from these offsets on, and set the positions there."""
        found = await self.rehearse_rewind(scopes, to)
        by_topic = {scope.topic: scope for scope in scopes}
        for part in found.partitions:
            within = OffsetRange(part.partition, part.to, part.since)
            scope = by_topic[part.partition.topic]
            self._undo_merges(scope, within)
            for name, ids in self._chosen(scope, within).items():
                self._warehouse.replace(name, self._with_ids(name, ids, among=False))
            self._warehouse.rejects[:] = [row for row in self._warehouse.rejects if not inside(row, within)]
            self._cut_ledger(scope, within)
            self._warehouse.watermarks.pop((self._pipeline, part.partition), None)
        epoch = self._store.put_back({part.partition: part.to for part in found.partitions}, f"{REWOUND_BY}{by}")
        self._store.forget_origins(whole_topics(to, self._store.stands()))
        return replace(found, epoch=epoch)

    async def rehearse_rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int]) -> Rewound:
        """Return what `rewind` would do."""
        by_topic = {scope.topic: scope for scope in scopes}
        taken, children = [], Counter[str]()
        stands = self._store.stands()
        for partition, offset in sorted(to.items()):
            if partition not in stands or offset >= stands[partition][0]:
                continue
            scope, within = by_topic[partition.topic], OffsetRange(partition, offset, stands[partition][0])
            chosen = {name: len(ids) for name, ids in self._chosen(scope, within).items()}
            rejects = sum(inside(row, within) for row in self._warehouse.rejects)
            taken.append(RewoundPartition(partition, within.stop, offset, chosen.pop(scope.table or "", 0), rejects))
            children.update(chosen)
        return Rewound(tuple(taken), dict(children))

    async def pause(self, why: str | None) -> None:
        """Wish that all processes of the pipeline stop reading; None: that they go on."""
        self._warehouse.notes.pop(self._pipeline, None)
        if why is not None:
            self._warehouse.notes[self._pipeline] = why

    async def control(self) -> Control:
        """Return what operators wish."""
        stands = self._store.stands()
        rewound = {p: epoch for p, (_, epoch, owner, _) in stands.items() if owner.startswith(REWOUND_BY)}
        return Control(self._warehouse.notes.get(self._pipeline), rewound)

    async def missing_rights(self) -> tuple[str, ...]:
        """Return nothing: whoever has the memory may write it."""
        return ()

    async def clock(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    async def watermarks(self) -> tuple[Watermark, ...]:
        """Return the watermark of each partition that has one."""
        marks = sorted(self._warehouse.watermarks.items())
        return tuple(Watermark(partition, at) for (pipeline, partition), at in marks if pipeline == self._pipeline)

    async def advance_watermarks(self, event_times: Mapping[Partition, datetime], epoch: int) -> None:
        """Move watermarks forward, of partitions that `epoch` still owns."""
        stands = self._store.stands()
        for partition, at in event_times.items():
            if partition in stands and stands[partition][1] == epoch:
                key = (self._pipeline, partition)
                self._warehouse.watermarks[key] = max(at, self._warehouse.watermarks.get(key, at))

    # -- inside

    def _undo_merges(self, scope: TopicScope, within: OffsetRange) -> None:
        table = self._warehouse.schema.tables.get(scope.table or "")
        if table is not None and is_merged_root(table):
            begins = min(
                (line.start_offset for line in self._lines(scope.topic) if line.partition == within.partition.number),
                default=0,
            )
            kept = self._warehouse.merged(table.name)
            undo_merges(table, kept, within, forget_values=begins >= within.start)
            self._warehouse.replace(table.name, pa.Table.from_pylist(list(kept.rows.values()), table.arrow))

    def _lines(self, topic: str) -> list[LoadRow]:
        mine = [row for row in self._warehouse.loads if (row.pipeline, row.topic) == (self._pipeline, topic)]
        return sorted(mine, key=lambda row: (row.partition, row.start_offset, row.stop_offset))

    def _rows(self, name: str) -> list[_Row]:
        return list(self._warehouse.table(name).to_pylist())

    def _of_topic(self, scope: TopicScope) -> Iterator[_Row]:
        if scope.table in self._warehouse.schema.tables:
            for row in self._rows(scope.table or ""):
                wanted = row["_kafka_offset"] is not None and (not scope.shared or row["_kafka_topic"] == scope.topic)
                if wanted and row["_kafka_offset"] >= scope.since.get(row["_kafka_partition"], 0):
                    yield row

    def _places(self, scope: TopicScope) -> list[_Place]:
        return [(row["_kafka_partition"], row["_kafka_offset"]) for row in self._of_topic(scope)]

    def _reject_places(self, scope: TopicScope) -> list[_Place]:
        chosen = self._chosen_rejects(RejectFilter(scope.topic))
        return [(row.partition, row.offset) for row in chosen if row.offset >= scope.since.get(row.partition, 0)]

    def _chosen_rejects(self, which: RejectFilter) -> list[RejectRow]:
        wanted = (which.topic, which.partition, which.offset, which.reason)
        return [
            row
            for row in self._warehouse.rejects
            if row.pipeline == self._pipeline
            and all(
                value is None or value == found
                for value, found in zip(wanted, (row.topic, row.partition, row.offset, row.reason), strict=True)
            )
        ]

    def _remove(self, rejects: Sequence[RejectRow], recounted: Callable[[LoadRow], LoadRow]) -> None:
        for reject in rejects:
            self._warehouse.rejects.remove(reject)
            self._warehouse.loads[:] = [
                recounted(line) if around(line, reject) else line for line in self._warehouse.loads
            ]

    def _below(self, root: str | None) -> Iterator[str]:
        for table in self._warehouse.schema.tables.values():
            if root is not None and table.parent == root:
                yield table.name
                yield from self._below(table.name)

    def _broken(self, child: str) -> Iterator[BrokenList]:
        parent = self._warehouse.schema.tables[child].parent or ""
        ids = {row["_hr_id"] for row in self._rows(parent)}
        lists: dict[str, list[int]] = {}
        for row in self._rows(child):
            lists.setdefault(row["_hr_parent_id"], []).append(row["_hr_list_idx"])
        for parent_id, places in sorted(lists.items()):
            if parent_id not in ids:
                yield BrokenList(child, parent_id, len(places), 0)
            elif len(places) != max(places) + 1:
                yield BrokenList(child, parent_id, len(places), max(places) + 1)

    def _chosen(self, scope: TopicScope, within: OffsetRange) -> dict[str, set[str]]:
        """Return the ids of a range's rows, by table: of the root table and of those below."""
        if scope.table not in self._warehouse.schema.tables:
            return {}
        chosen = {
            scope.table or "": {
                row["_hr_id"]
                for row in self._of_topic(scope)
                if row["_kafka_partition"] == within.partition.number
                and within.start <= row["_kafka_offset"] < within.stop
            }
        }
        for child in self._below(scope.table):
            above = chosen[self._warehouse.schema.tables[child].parent or ""]
            chosen[child] = {row["_hr_id"] for row in self._rows(child) if row["_hr_parent_id"] in above}
        return chosen

    def _with_ids(self, name: str, ids: set[str], *, among: bool) -> pa.Table:
        table = self._warehouse.table(name)
        kept = [number for number, row_id in enumerate(table["_hr_id"].to_pylist()) if (row_id in ids) is among]
        return table.take(pa.array(kept, pa.int64()))

    def _found(self, name: str, row: _Row) -> FoundRow:
        root, root_row = name, row
        while (parent := self._warehouse.schema.tables[root].parent) is not None:
            above = root_row["_hr_parent_id"]
            root, root_row = parent, next((r for r in self._rows(parent) if r["_hr_id"] == above), {"_hr_id": above})
        load_id = row.get("_hr_load_id") or root_row.get("_hr_load_id") or ""
        place = (root_row.get("_kafka_partition"), root_row.get("_kafka_offset"))
        return FoundRow(name, row["_hr_id"], root, root_row["_hr_id"], *place, load_id)

    def _cut_ledger(self, scope: TopicScope, within: OffsetRange) -> None:
        def cut(line: LoadRow) -> LoadRow | None:
            mine = (line.pipeline, line.topic, line.partition) == (self._pipeline, *named(within.partition))
            if not mine or line.stop_offset <= within.start:
                return line
            if line.start_offset >= within.start:
                return None
            kept = range(line.start_offset, within.start)
            rows = sum(n == line.partition and at in kept for n, at in self._places(scope))
            rejected = sum(n == line.partition and at in kept for n, at in self._reject_places(scope))
            if line.lost:
                return replace(line, stop_offset=within.start, holes=len(kept))
            skipped = len(kept) - rows - rejected
            cut_off = replace(line, stop_offset=within.start, records=len(kept), holes=0)
            return replace(cut_off, rows=rows, rejected=rejected, skipped=skipped)

        self._warehouse.loads[:] = [line for line in map(cut, self._warehouse.loads) if line is not None]
