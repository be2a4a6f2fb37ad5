"""The optional port of a sink for those on call: what it holds, in numbers, and how to steer it.

`sinks.testing.AuditContract` is the suite that says the same in code. A sink that has this port answers to `Auditable`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol, runtime_checkable

import pyarrow as pa

from checkpoints import OffsetRange, Partition
from sinks.contract import Batch
from sinks.ledger import LoadRow, RejectRow
from sinks.schema import Schema

BUCKET: Final = 65_536  # offsets that one tally sums up
REWOUND_BY: Final = "rewind "  # how the owner of a rewound partition begins, until somebody claims it

# A tally's third sum mixes offsets, so that no two sets of a bucket that may occur share all three sums: a square
# modulo a prime, of which neither the factor's product nor the square leaves 63 bits.
FACTOR: Final = 1_327_217_885
PRIME: Final = 2_147_483_647


def mixed(place: int) -> int:
    """Return what the offset at `place` of its bucket adds to a tally's third sum."""
    return (place * FACTOR % PRIME) ** 2 % PRIME


def whole_topics(to: Collection[Partition], stored: Collection[Partition]) -> frozenset[str]:
    """Return the topics of `to` of which no stored partition is left out."""
    return frozenset({p.topic for p in to} - {p.topic for p in stored if p not in to})


@dataclass(frozen=True, slots=True)
class PartitionState:
    """Where one partition stands and who may move it; `epoch` 0 and no owner: remembered, never claimed."""

    partition: Partition
    next_offset: int
    epoch: int
    owner: str
    attempts: int
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """All of one partition's ledger in one line. `lost` counts offsets that were gone before anybody read them."""

    partition: Partition
    start: int
    stop: int
    records: int
    rows: int
    rejected: int
    skipped: int
    holes: int
    lost: int
    loads: int


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """A line of the ledger that does not follow from the one before, or does not add up."""

    range: OffsetRange
    text: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The offsets `start`..`start + BUCKET` of one partition that some table holds: how many, and two sums of them.

    `places` sums up each offset's distance from `start`, `mix` what `mixed` makes of it. Two tallies are equal when
    the offsets are the same ones, each as often.
    """

    partition: int
    start: int
    count: int
    places: int
    mix: int


@dataclass(frozen=True, slots=True)
class TopicScope:
    """Which rows are one topic's: those of the root table `table`; None when it has none yet.

    `shared`: other topics go to the same table, and the column `_kafka_topic` tells them apart. `since`: the offset,
    by partition, before which nobody asks; where it is not given, from the beginning.
    """

    topic: str
    table: str | None
    shared: bool = False
    since: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a destination holds of one topic, all of one instant."""

    states: tuple[PartitionState, ...]
    totals: tuple[LedgerTotals, ...]
    faults: tuple[LedgerFault, ...]
    rows: tuple[Tally, ...]
    rejects: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class HeldOffsets:
    """Each offset of a range that is in the table or among the rejects, and how often."""

    rows: Mapping[int, int]
    rejects: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class BrokenList:
    """A list that lost an element: `found` rows of the child `table`, of `expected`; 0 expected: the parent is gone."""

    table: str
    parent_id: str
    found: int
    expected: int


@dataclass(frozen=True, slots=True)
class MergeFault:
    """What no merge leaves behind: several rows of one key, or a row older than a remembered delete of its key."""

    kind: Literal["key_twice", "undeleted"]
    row_id: str
    text: str


@dataclass(frozen=True, slots=True)
class FoundRow:
    """Where a row is, and the root row that it belongs to."""

    table: str
    row_id: str
    root_table: str
    root_id: str
    partition: int | None
    offset: int | None
    load_id: str


@dataclass(frozen=True, slots=True)
class RejectFilter:
    """Which rejects are meant; what is not given does not matter."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RejectCount:
    """How many records of a topic were set aside for one reason, and the newest of them in Kafka's time."""

    topic: str
    reason: str
    records: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One stored version of the schema: how many tables and columns it has."""

    version: int
    tables: int
    columns: int
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """One stored version of the schema, whole: who stored it, when, and the first load that wrote under it.

    `loads` has a line of the ledger for each partition of that load; none where nothing was loaded under it yet, or
    where a rewind took its lines. Of lines that were folded, the load is the last one that they stand for.
    """

    schema: Schema
    version_hash: str
    pipeline: str
    created_at: datetime | None
    loads: tuple[LoadRow, ...] = ()


@dataclass(frozen=True, slots=True)
class RewoundPartition:
    """What a rewind takes away from one partition."""

    partition: Partition
    since: int
    to: int
    rows: int
    rejects: int


@dataclass(frozen=True, slots=True)
class Rewound:
    """What a rewind did, or would do: `epoch` 0 tells a rehearsal. `children`: rows by child table."""

    partitions: tuple[RewoundPartition, ...]
    children: Mapping[str, int]
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """What operators wish of the processes of a pipeline. `rewound`: epochs of partitions nobody claimed since."""

    paused: str | None = None  # why, in the operator's words
    rewound: Mapping[Partition, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watermark:
    """The event time up to which a partition's records are in the tables; None: of none yet."""

    partition: Partition
    event_time: datetime | None


class Audit(Protocol):
    """What a destination holds, and the ways to steer it. All of it speaks of the pipeline the sink was opened for.

    Methods raise what a sink's do. Nothing here holds rows in memory in numbers that grow with the tables.
    """

    async def states(self) -> tuple[PartitionState, ...]:
        """Return where each partition stands, sorted."""
        ...

    async def inventory(self, scope: TopicScope) -> Inventory:
        """Return what is held of one topic, summed up by partition and bucket, all of one instant."""
        ...

    async def held(self, scope: TopicScope, within: OffsetRange) -> HeldOffsets:
        """Return each offset of a range that is held. The range should be no longer than some buckets."""
        ...

    async def count_before(self, scope: TopicScope, partition: Partition, offset: int) -> int:
        """Return how many rows and rejects a partition has before `offset`."""
        ...

    async def ledger(self, partition: Partition, *, offset: int = 0, limit: int = 1_000) -> tuple[LoadRow, ...]:
        """Return lines of the ledger that end after `offset`, in the order of offsets, at most `limit`."""
        ...

    async def recent_loads(self, limit: int) -> tuple[tuple[datetime | None, LoadRow], ...]:
        """Return the newest lines of the ledger and when they were written, newest first."""
        ...

    async def broken_lists(self, scope: TopicScope, limit: int) -> tuple[BrokenList, ...]:
        """Return lists of child tables whose elements are not 0, 1, 2 ... without a gap, and those without a parent."""
        ...

    async def merge_faults(self, scope: TopicScope, limit: int) -> tuple[MergeFault, ...]:
        """Return keys of a table that merges that are there more than once, and rows whose key was deleted since."""
        ...

    async def row_ids(self, scope: TopicScope, within: OffsetRange) -> tuple[tuple[int, str], ...]:
        """Return offset and id of each root row of a range. The range should be no longer than some buckets."""
        ...

    async def places_of(self, scope: TopicScope, row_ids: Sequence[str]) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """Return partition and offset of the events that rows, and remembered deletes, of a merged table are of."""
        ...

    async def rows(self, scope: TopicScope, within: OffsetRange) -> Mapping[str, pa.Table]:
        """Return the rows of a range, of the root table and of those below, by table, typed as the schema says."""
        ...

    async def find(self, row_id: str) -> FoundRow | None:
        """Return where a row is, by its `_hr_id`."""
        ...

    async def table_rows(self) -> Mapping[str, int]:
        """Return how many rows each table has."""
        ...

    async def schema_versions(self, limit: int) -> tuple[SchemaVersion, ...]:
        """Return the newest versions of the schema, newest first."""
        ...

    async def stored_schemas(self, limit: int) -> tuple[StoredSchema, ...]:
        """Return the newest versions of the schema, whole, newest first: of any pipeline of the dataset."""
        ...

    async def reject_counts(self) -> tuple[RejectCount, ...]:
        """Return how many records were set aside, by topic and reason."""
        ...

    async def rejects(
        self, which: RejectFilter, *, after: tuple[str, int, int] | None = None, limit: int = 100
    ) -> tuple[RejectRow, ...]:
        """Return rejects in the order of topic, partition and offset, those after a place, at most `limit`."""
        ...

    async def replay(self, batch: Batch, replayed: Sequence[RejectRow], load_id: str) -> None:
        """Write rows in the place of rejects: rows, rejects and ledger change in one commit.

        Raises `Fenced` when one of them is no reject any more: somebody else replayed or dropped it.
        """
        ...

    async def drop_rejects(self, which: RejectFilter) -> int:
        """Delete rejects, count them as skipped in the ledger, and return how many there were."""
        ...

    async def rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int], by: str) -> Rewound:
        """Delete what was loaded of these partitions from the given offsets on, and set their positions there.

        One transaction: rows and their children, rejects, ledger, watermarks and positions, under a new epoch, so that
        whoever loads now is fenced. An offset at or past the position changes nothing. A topic of which `to` has every
        partition is not known by its origin any more: one that was deleted and made anew is read from there.
        """
        ...

    async def rehearse_rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int]) -> Rewound:
        """Return what `rewind` would do, and do nothing."""
        ...

    async def pause(self, why: str | None) -> None:
        """Wish that all processes of the pipeline stop reading, for this reason; None: that they go on."""
        ...

    async def control(self) -> Control:
        """Return what operators wish."""
        ...

    async def missing_rights(self) -> tuple[str, ...]:
        """Return, for people, what this user may not do that loading needs, and how to grant it. Needs no dataset."""
        ...

    async def clock(self) -> datetime:
        """Return the time by the destination's clock. Needs no dataset."""
        ...

    async def watermarks(self) -> tuple[Watermark, ...]:
        """Return the watermark of each partition that has one, sorted."""
        ...

    async def advance_watermarks(self, event_times: Mapping[Partition, datetime], epoch: int) -> None:
        """Move watermarks forward, never back, of those partitions that `epoch` still owns."""
        ...


@runtime_checkable
class Auditable(Protocol):
    """A sink that has the optional port."""

    def audit(self) -> Audit:
        """Return the port. It shares the sink's connection and is closed with it."""
        ...
