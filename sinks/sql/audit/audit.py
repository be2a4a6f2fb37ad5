"""The `Audit` port over a SQL database: each method one transaction in the sink's thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import pyarrow as pa

from checkpoints import Fenced, OffsetRange, Partition
from sinks.audit import (
    REWOUND_BY,
    BrokenList,
    Control,
    FoundRow,
    HeldOffsets,
    Inventory,
    LedgerFault,
    LedgerTotals,
    PartitionState,
    RejectCount,
    RejectFilter,
    Rewound,
    SchemaVersion,
    Tally,
    TopicScope,
    Watermark,
)
from sinks.contract import Batch, SinkOptions
from sinks.document import from_document
from sinks.errors import SinkError
from sinks.ledger import LoadRow, RejectRow
from sinks.schema import Schema, Table
from sinks.sql.audit import userdata as user
from sinks.sql.audit.changes import Changes
from sinks.sql.audit.questions import PAUSED, Questions
from sinks.sql.audit.rewinding import Rewinding
from sinks.sql.session import Session
from sinks.sql.statement import Statement, literal, namespace
from sinks.sql.system import OFFSETS, WATERMARKS
from sinks.sql.transactions import Transactions
from sinks.sql.worker import SessionThread

T = TypeVar("T")
_BEGIN: Final = Statement("BEGIN")
_ONE_INSTANT: Final = Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_MOST_FAULTS: Final = 20


class SqlAudit:
    """An `Audit`. It changes what is there and makes nothing: neither dataset nor system tables."""

    def __init__(self, thread: SessionThread, transactions: Transactions, options: SinkOptions) -> None:
        self._thread = thread
        self._transactions = transactions
        self._dataset = options.dataset
        self._pipeline = options.pipeline
        self._ask = Questions(transactions.dialect, options.dataset, options.pipeline)
        self._change = Changes(self._ask, namespace(transactions.dialect.catalog, options.dataset), options.pipeline)
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
            root = _root(self._schema(session), scope)
            rows = session.execute(self._ask.held_rows(scope, root, within)) if root else ()
            rejects = session.execute(self._ask.held_rejects(scope, within))
            return HeldOffsets(dict(map(_pair, rows)), dict(map(_pair, rejects)))

        return await self._read(ask)

    async def count_before(self, scope: TopicScope, partition: Partition, offset: int) -> int:
        """Return how many rows and rejects a partition has before `offset`."""

        def ask(session: Session) -> int:
            root = _root(self._schema(session), scope)
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
        return tuple((_instant(at), LoadRow(*line)) for at, *line in rows)

    async def broken_lists(self, scope: TopicScope, limit: int) -> tuple[BrokenList, ...]:
        """Return lists that lost an element, or their parent."""

        def ask(session: Session) -> tuple[BrokenList, ...]:
            schema, found = self._schema(session), []
            for child in user.below(schema, scope.table or ""):
                parent = schema.tables[child.parent or ""]
                for parent_id, rows in session.execute(self._ask.orphans(child, parent, limit)):
                    found.append(BrokenList(child.name, parent_id, rows, 0))
                if user.LIST_INDEX in child.columns:
                    for parent_id, rows, expected in session.execute(self._ask.gaps_in_lists(child, limit)):
                        found.append(BrokenList(child.name, parent_id, rows, expected))
            return tuple(found[:limit])

        return await self._read(ask)

    async def rows(self, scope: TopicScope, within: OffsetRange) -> Mapping[str, pa.Table]:
        """Return the rows of a range by table, typed as the schema says."""

        def ask(session: Session) -> Mapping[str, pa.Table]:
            schema = self._schema(session)
            if (root := _root(schema, scope)) is None:
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
        return tuple(_version(from_document(version, document), at) for version, document, at in rows)

    async def reject_counts(self) -> tuple[RejectCount, ...]:
        """Return how many records were set aside, by topic and reason."""
        rows = await self._rows(self._ask.reject_counts())
        return tuple(RejectCount(topic, reason, count, _instant(at)) for topic, reason, count, at in rows)

    async def rejects(
        self, which: RejectFilter, *, after: tuple[str, int, int] | None = None, limit: int = 100
    ) -> tuple[RejectRow, ...]:
        """Return rejects in the order of topic, partition and offset."""
        rows = await self._rows(self._ask.rejects(which, after, limit))
        return tuple(_reject(row) for row in rows)

    async def replay(self, batch: Batch, replayed: Sequence[RejectRow], load_id: str) -> None:
        """Write rows in the place of rejects, in one commit."""

        def write(session: Session) -> None:
            self._transactions.begin(session)
            self._transactions.write_rows(session, batch)
            self._take_back(session, replayed)
            self._transactions.commit(session)

        await self._write(write)

    async def drop_rejects(self, which: RejectFilter) -> int:
        """Delete rejects, and count them as skipped."""

        def drop(session: Session) -> int:
            ((count,),) = session.execute(self._ask.count_of(self._ask.chosen_rejects(which)))
            session.execute(self._change.recount_as_skipped(which))
            session.execute(self._change.drop_rejects(which))
            return int(count)

        return await self._alone(drop)

    async def rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int], by: str) -> Rewound:
        """Delete what was loaded from these offsets on, and set the positions there."""
        owner = f"{REWOUND_BY}{by}"
        return await self._alone(lambda session: self._rewinding(session).run(scopes, to, owner))

    async def rehearse_rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int]) -> Rewound:
        """Return what `rewind` would do."""
        return await self._read(lambda session: self._rewinding(session).rehearse(scopes, to))

    async def pause(self, why: str | None) -> None:
        """Wish that all processes of the pipeline stop reading; None: that they go on."""
        statement = self._change.note(PAUSED, why)
        await self._alone(lambda session: session.execute(statement))

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
            return tuple(Watermark(Partition(topic, number), _instant(at)) for topic, number, at in rows)

        return await self._read(ask)

    async def advance_watermarks(self, event_times: Mapping[Partition, datetime], epoch: int) -> None:
        """Move watermarks forward, of partitions that `epoch` still owns."""
        statements = self._change.advance_watermarks(event_times, epoch)

        def write(session: Session) -> None:
            session.execute(_BEGIN)
            for statement in statements:
                session.execute(statement)
            self._transactions.commit(session)

        await self._write(write)

    # -- inside

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

    async def _write(self, change: Callable[[Session], T]) -> T:
        def work(session: Session) -> T:
            self._look(session)
            return change(session)

        return await self._thread.run(work)

    async def _alone(self, change: Callable[[Session], T]) -> T:
        """Return what a change returns, made while nobody loads."""

        def work(session: Session) -> T:
            self._transactions.begin_alone(session)
            changed = change(session)
            self._transactions.commit(session)
            return changed

        return await self._write(work)

    def _take_back(self, session: Session, replayed: Sequence[RejectRow]) -> None:
        gone = sum(len(session.execute(statement)) for statement in self._change.delete_rejects(replayed))
        if gone != len(replayed):
            raise Fenced(
                f"{len(replayed) - gone} of {len(replayed)} rejects are none any more: somebody else replayed or "
                "dropped them, and nothing was written; list them again"
            )
        for row in replayed:
            session.execute(self._change.recount_as_row(Partition(row.topic, row.partition), row.offset))

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
            PartitionState(Partition(topic, number), offset, epoch, owner, attempts, _instant(at))
            for topic, number, offset, epoch, owner, attempts, at in rows
        )

    def _inventory(self, session: Session, scope: TopicScope) -> Inventory:
        root = _root(self._schema(session), scope)
        totals = session.execute(self._ask.totals(scope))
        rows = session.execute(self._ask.row_tallies(scope, root)) if root else ()
        return Inventory(
            states=tuple(s for s in self._states(session) if s.partition.topic == scope.topic),
            totals=tuple(LedgerTotals(Partition(scope.topic, n), *map(int, sums)) for n, *sums in totals),
            faults=tuple(_fault(scope.topic, row) for row in session.execute(self._ask.faults(scope, _MOST_FAULTS))),
            rows=tuple(Tally(*map(int, row)) for row in rows),
            rejects=tuple(Tally(*map(int, row)) for row in session.execute(self._ask.reject_tallies(scope))),
        )

    def _rows_of(
        self, session: Session, scope: TopicScope, schema: Schema, table: Table, within: OffsetRange
    ) -> pa.Table:
        found = session.query(literal(self._ask.rows_within(scope, schema, table, within)))
        columns = [_typed(found[name], field.type) for name, field in zip(table.columns, table.arrow, strict=True)]
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

    def _rewinding(self, session: Session) -> Rewinding:
        return Rewinding(session, self._ask, self._change, self._schema(session), WATERMARKS in self._tables)

    def _schema(self, session: Session) -> Schema:
        return self._transactions.newest_schema(session)


def _root(schema: Schema, scope: TopicScope) -> Table | None:
    return schema.tables.get(scope.table) if scope.table else None


def _pair(row: tuple[Any, ...]) -> tuple[int, int]:
    return int(row[0]), int(row[1])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _typed(column: pa.ChunkedArray[Any], wanted: pa.DataType) -> pa.Array[Any] | pa.ChunkedArray[Any]:
    if column.type == wanted:
        return column
    return pa.array(column.to_pylist(), wanted)


def _reject(row: tuple[Any, ...]) -> RejectRow:
    load_id, pipeline, topic, partition, offset, at, key, value, *words = row
    return RejectRow(load_id, pipeline, topic, partition, offset, _instant(at), key, value, *words)


def _version(schema: Schema, at: str | None) -> SchemaVersion:
    columns = sum(len(table.columns) for table in schema.tables.values())
    return SchemaVersion(schema.version, len(schema.tables), columns, _instant(at))


def _fault(topic: str, row: tuple[Any, ...]) -> LedgerFault:
    number, start, stop, before, epoch_before, epoch, records = row
    where = OffsetRange(Partition(topic, number), start, stop)
    if before is not None and before != start:
        return LedgerFault(where, f"the ledger jumps from {before} to {start}")
    if epoch_before is not None and epoch_before > epoch:
        return LedgerFault(where, f"the epoch falls from {epoch_before} to {epoch}")
    return LedgerFault(where, f"the line does not add up: {records} records over {stop - start} offsets")
