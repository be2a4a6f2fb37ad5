"""What a SQL database holds of a pipeline: the questions of the `Audit` port, each of one instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import pyarrow as pa

from checkpoints import OffsetRange, Partition
from sinks.audit import (
    REWOUND_BY,
    BrokenList,
    Control,
    FoundRow,
    HeldOffsets,
    Inventory,
    LedgerTotals,
    PartitionState,
    RejectCount,
    RejectFilter,
    SchemaVersion,
    StoredSchema,
    Tally,
    TopicScope,
    Watermark,
)
from sinks.contract import SinkOptions
from sinks.document import from_document
from sinks.errors import SinkError
from sinks.ledger import LoadRow, RejectRow
from sinks.schema import Schema, Table
from sinks.sql.audit import userdata as user
from sinks.sql.audit.answers import fault_of, instant, pair, reject_of, root_of, stored_schema_of, typed_of, version_of
from sinks.sql.audit.questions import PAUSED, Questions
from sinks.sql.session import Session
from sinks.sql.statement import Statement, literal
from sinks.sql.system import OFFSETS, WATERMARKS
from sinks.sql.transactions import Transactions
from sinks.sql.worker import SessionThread

T = TypeVar("T")
_BEGIN: Final = Statement("BEGIN")
_ONE_INSTANT: Final = Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_MOST_FAULTS: Final = 20


class Holdings:
    """The reading half of `SqlAudit`. It makes nothing: neither dataset nor system tables."""

    def __init__(self, thread: SessionThread, transactions: Transactions, options: SinkOptions) -> None:
        self._thread = thread
        self._transactions = transactions
        self._dataset = options.dataset
        self._pipeline = options.pipeline
        self._ask = Questions(transactions.dialect, options.dataset, options.pipeline)
        self._tables: frozenset[str] = frozenset()

    async def states(self) -> tuple[PartitionState, ...]:
        """Return where each partition stands, sorted."""
        return await self._read(self._states)

    async def inventory(self, scope: TopicScope) -> Inventory:
        """Return what is held of one topic, all of one instant."""
        return await self._read(lambda session: self._inventory(session, scope))

    async def held(self, scope: TopicScope, within: OffsetRange) -> HeldOffsets:
        """Return each offset of a range that is held, and how often."""

        def ask(session: Session) -> HeldOffsets:
            root = root_of(self._schema(session), scope)
            rows = session.execute(self._ask.held_rows(scope, root, within)) if root else ()
            rejects = session.execute(self._ask.held_rejects(scope, within))
            return HeldOffsets(dict(map(pair, rows)), dict(map(pair, rejects)))

        return await self._read(ask)

    async def count_before(self, scope: TopicScope, partition: Partition, offset: int) -> int:
        """Return how many rows and rejects a partition has before `offset`."""

        def ask(session: Session) -> int:
            root = root_of(self._schema(session), scope)
            ((count,),) = session.execute(self._ask.count_before(scope, root, partition, offset))
            return int(count)

        return await self._read(ask)

    async def ledger(self, partition: Partition, *, offset: int = 0, limit: int = 1_000) -> tuple[LoadRow, ...]:
        """Return lines of the ledger that end after `offset`."""
        rows = await self._rows(self._ask.ledger(partition, offset, limit))
        return tuple(LoadRow(*row) for row in rows)

    async def recent_loads(self, limit: int) -> tuple[tuple[datetime | None, LoadRow], ...]:
        """Return the newest lines of the ledger and their times."""
        rows = await self._rows(self._ask.recent_loads(limit))
        return tuple((instant(at), LoadRow(*line)) for at, *line in rows)

    async def broken_lists(self, scope: TopicScope, limit: int) -> tuple[BrokenList, ...]:
        """Return lists that lost an element, or their parent."""

        def ask(session: Session) -> tuple[BrokenList, ...]:
            schema, found = self._schema(session), []
            for child in user.below(schema, scope.table or ""):
                parent = schema.tables[child.parent or ""]
                for parent_id, rows, expected in session.execute(self._ask.broken_lists(child, parent, limit)):
                    found.append(BrokenList(child.name, parent_id, rows, expected))
            return tuple(found[:limit])

        return await self._read(ask)

    async def rows(self, scope: TopicScope, within: OffsetRange) -> Mapping[str, pa.Table]:
        """Return the rows of a range by table, typed as the schema says."""

        def ask(session: Session) -> Mapping[str, pa.Table]:
            schema = self._schema(session)
            if (root := root_of(schema, scope)) is None:
                return {}
            wanted = (root, *user.below(schema, root.name))
            return {table.name: self._rows_of(session, scope, schema, table, within) for table in wanted}

        return await self._read(ask)

    async def find(self, row_id: str) -> FoundRow | None:
        """Return where a row is, by its `_hr_id`."""

        def ask(session: Session) -> FoundRow | None:
            schema = self._schema(session)
            for table in schema.tables.values():
                if user.ROW_ID in table.columns and (rows := session.execute(self._ask.row(table, row_id))):
                    return self._found(session, schema, table, row_id, rows[0])
            return None

        return await self._read(ask)

    async def table_rows(self) -> Mapping[str, int]:
        """Return how many rows each table has."""
        return await self._read(
            lambda session: {
                name: int(session.execute(self._ask.count(name))[0][0]) for name in self._schema(session).tables
            }
        )

    async def schema_versions(self, limit: int) -> tuple[SchemaVersion, ...]:
        """Return the newest versions of the schema."""
        rows = await self._rows(self._ask.schema_versions(limit))
        return tuple(version_of(from_document(version, document), at) for version, document, at in rows)

    async def stored_schemas(self, limit: int) -> tuple[StoredSchema, ...]:
        """Return the newest versions of the schema, each with the first load under it."""

        def ask(session: Session) -> tuple[StoredSchema, ...]:
            stored = session.execute(self._ask.stored_schemas(limit))
            lines = [LoadRow(*row) for row in session.execute(self._ask.first_loads(stored[-1][0]))] if stored else []
            return tuple(stored_schema_of(row, lines) for row in stored)

        return await self._read(ask)

    async def reject_counts(self) -> tuple[RejectCount, ...]:
        """Return how many records were set aside, by topic and reason."""
        rows = await self._rows(self._ask.reject_counts())
        return tuple(RejectCount(topic, reason, count, instant(at)) for topic, reason, count, at in rows)

    async def rejects(
        self, which: RejectFilter, *, after: tuple[str, int, int] | None = None, limit: int = 100
    ) -> tuple[RejectRow, ...]:
        """Return rejects in the order of topic, partition and offset."""
        rows = await self._rows(self._ask.rejects(which, after, limit))
        return tuple(reject_of(row) for row in rows)

    async def control(self) -> Control:
        """Return what operators wish."""

        def ask(session: Session) -> Control:
            notes = session.execute(self._ask.note(PAUSED))
            rewound = session.execute(self._ask.rewound(REWOUND_BY))
            why = notes[0][0] if notes else None
            return Control(why, {Partition(topic, number): epoch for topic, number, epoch in rewound})

        return await self._read(ask)

    async def watermarks(self) -> tuple[Watermark, ...]:
        """Return the watermark of each partition that has one."""

        def ask(session: Session) -> tuple[Watermark, ...]:
            if WATERMARKS not in self._tables:
                return ()
            rows = session.execute(self._ask.watermarks())
            return tuple(Watermark(Partition(topic, number), instant(at)) for topic, number, at in rows)

        return await self._read(ask)

    async def missing_rights(self) -> tuple[str, ...]:
        """Return, for people, what this user may not do that loading needs."""
        return await self._thread.run(self._transactions.missing_rights)

    async def clock(self) -> datetime:
        """Return the time by the destination's clock."""
        ((now,),) = await self._thread.run(lambda session: session.execute(self._ask.clock()))
        return datetime.fromisoformat(now)

    async def _rows(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        return await self._read(lambda session: session.execute(statement))

    async def _read(self, ask: Callable[[Session], T]) -> T:
        """Return the answers to questions of one instant."""

        def work(session: Session) -> T:
            self._look(session)
            session.execute(_BEGIN)
            if self._transactions.dialect.advisory_locks:
                session.execute(_ONE_INSTANT)
            answer = ask(session)
            session.rollback()
            return answer

        return await self._thread.run(work)

    def _look(self, session: Session) -> None:
        if OFFSETS in self._tables:
            return
        self._tables = frozenset(name for (name,) in session.execute(self._ask.system_tables()))
        if OFFSETS not in self._tables:
            raise SinkError(
                f"there is no dataset {self._dataset!r} of headrace in this destination: give the one that "
                "`headrace run` writes to (--dataset, --pipeline), or run it first"
            )

    def _states(self, session: Session) -> tuple[PartitionState, ...]:
        rows = session.execute(self._ask.states())
        return tuple(
            PartitionState(Partition(topic, number), offset, epoch, owner, attempts, instant(at))
            for topic, number, offset, epoch, owner, attempts, at in rows
        )

    def _inventory(self, session: Session, scope: TopicScope) -> Inventory:
        root = root_of(self._schema(session), scope)
        totals = session.execute(self._ask.totals(scope))
        rows = session.execute(self._ask.row_tallies(scope, root)) if root else ()
        return Inventory(
            states=tuple(s for s in self._states(session) if s.partition.topic == scope.topic),
            totals=tuple(LedgerTotals(Partition(scope.topic, n), *map(int, sums)) for n, *sums in totals),
            faults=tuple(fault_of(scope.topic, row) for row in session.execute(self._ask.faults(scope, _MOST_FAULTS))),
            rows=tuple(Tally(*map(int, row)) for row in rows),
            rejects=tuple(Tally(*map(int, row)) for row in session.execute(self._ask.reject_tallies(scope))),
        )

    def _rows_of(
        self, session: Session, scope: TopicScope, schema: Schema, table: Table, within: OffsetRange
    ) -> pa.Table:
        found = session.query(literal(self._ask.rows_within(scope, schema, table, within)))
        columns = [typed_of(found[name], field.type) for name, field in zip(table.columns, table.arrow, strict=True)]
        return pa.Table.from_arrays(columns, names=list(table.columns))

    def _found(
        self, session: Session, schema: Schema, table: Table, row_id: str, facts: tuple[Any, ...]
    ) -> FoundRow | None:
        at, at_id, line = table, row_id, facts
        load_id = facts[4]
        while at.parent is not None:
            at_id, at = line[0], schema.tables[at.parent]
            above = session.execute(self._ask.row(at, at_id))
            if not above:
                return FoundRow(table.name, row_id, at.name, at_id, None, None, load_id or "")
            line = above[0]
            load_id = load_id or line[4]
        return FoundRow(table.name, row_id, at.name, at_id, line[2], line[3], load_id or "")

    def _schema(self, session: Session) -> Schema:
        return self._transactions.newest_schema(session)
