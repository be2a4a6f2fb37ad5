"""What a sink does in the database: each method is one transaction, in the order in which it happens. Blocking."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import pyarrow as pa

from checkpoints import Checkpoint, Claim, Fenced, Known, Partition, Position
from checkpoints.failpoints import ConnectionDropped, failpoint
from sinks.changes import Change, SchemaPlan, WidenColumn
from sinks.contract import Batch, Capabilities, SinkOptions
from sinks.document import from_document, version_hash
from sinks.errors import DataRefused, InDoubt, SchemaConflict, SinkError, Transient
from sinks.history import is_history_root, noted_changes
from sinks.ledger import load_rows, reject_rows
from sinks.limits import check_limits
from sinks.merging import also, children_of
from sinks.schema import BIGINT, DOUBLE, Schema, Table
from sinks.sql import ddl, dml, locks
from sinks.sql.catalog import Catalog, FoundColumn
from sinks.sql.dialect import Dialect
from sinks.sql.folding import LedgerFolding
from sinks.sql.ledger import Ledger
from sinks.sql.offsets import Offsets, known
from sinks.sql.rejects import rejects_table
from sinks.sql.session import Session
from sinks.sql.statement import Statement, namespace
from sinks.sql.states import States
from sinks.sql.system import LOADS, REJECTS, SCHEMAS, TABLES
from sinks.sql.table_audit import TableAudit
from sinks.sql.writers.arrival import Arrival, arrivals
from sinks.sql.writers.history import HistoryWriter
from sinks.sql.writers.merge import MergeWriter
from sinks.write import Merge, Scd2

_BEGIN: Final = Statement("BEGIN")


class Transactions:
    """The transactions of one pipeline on one dataset. Whoever calls rolls back after an error."""

    def __init__(self, dialect: Dialect, catalog: Catalog, capabilities: Capabilities, options: SinkOptions) -> None:
        self._dialect = dialect
        self._catalog = catalog
        self._capabilities = capabilities
        self._dataset = options.dataset
        self._space = namespace(dialect.catalog, options.dataset)
        self._pipeline = options.pipeline
        self._owner = options.owner
        self._ledger = Ledger(dialect, self._space)
        self._offsets = Offsets(dialect, self._space)
        self._audit = TableAudit(catalog, dialect, options.dataset)
        self._folding = LedgerFolding(dialect, self._space, options.pipeline, options.keep_detail_seconds)
        self._states = States(dialect, self._space)
        self._schema = Schema()  # the stored one, as last seen

    @property
    def dialect(self) -> Dialect:
        """Return how the database spells things."""
        return self._dialect

    def missing_rights(self, session: Session) -> tuple[str, ...]:
        """Return, for people, what this user may not do that loading needs."""
        return tuple(text for (text,) in session.execute(self._catalog.missing_rights(self._dataset)))

    def create(self, session: Session) -> None:
        """Create the dataset and the system tables where they are missing."""
        session.execute(_BEGIN)
        self._lock(session, locks.exclusive)
        # PostgreSQL asks for the right to create a schema even if it exists: whoever was given one may lack it.
        if not self._audit.dataset_exists(session):
            session.execute(ddl.create_dataset(self._space))
        _execute_all(session, self._ledger.create())
        columns = session.execute(self._catalog.columns(self._dataset))
        _execute_all(session, self._ledger.upgrade(FoundColumn(*row) for row in columns))
        if not self._dialect.advisory_locks:
            session.execute(self._ledger.create_turn())
        _commit(session)

    def positions(self, session: Session, topics: Collection[str]) -> Known:
        """Return what is stored of `topics`."""
        return known(self._stored(session), topics)

    def _stored(self, session: Session) -> Sequence[tuple[Any, ...]]:
        return session.execute(self._offsets.positions(self._pipeline))

    def claim(
        self, session: Session, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str]
    ) -> Claim:
        """Take `partitions` under a new epoch; see `CheckpointStore.claim`."""
        session.execute(_BEGIN)
        self._lock(session, locks.exclusive, self._pipeline)
        before = known(self._stored(session))
        _check_claimable(partitions, before.position | starts)
        self._remember(session, before, starts, origins)
        ((epoch,),) = session.execute(self._offsets.next_epoch(self._pipeline))
        taken = self._take(session, partitions, epoch)
        _commit(session)
        failpoint("claim.after_epoch")
        position = Position({partition: offset for partition, (offset, _) in taken.items()})
        return Claim(position, epoch, {partition: attempts for partition, (_, attempts) in taken.items()})

    def _remember(self, session: Session, before: Known, starts: Position, origins: Mapping[str, str]) -> None:
        for topic in {partition.topic for partition in before.position.next} & origins.keys() - before.origins.keys():
            session.execute(self._offsets.adopt(self._pipeline, topic, origins[topic]))
        fresh = {partition: start for partition, start in starts.next.items() if partition not in before.position}
        session.execute(self._offsets.remember(self._pipeline, fresh, {**origins, **before.origins}))

    def _take(
        self, session: Session, partitions: Collection[Partition], epoch: int
    ) -> Mapping[Partition, tuple[int, int]]:
        rows = session.execute(self._offsets.take(self._pipeline, partitions, epoch, self._owner))
        return {Partition(topic, number): (offset, attempts) for topic, number, offset, attempts in rows}

    def schema(self, session: Session) -> Schema:
        """Return the newest stored schema. Raises `SinkError` when the tables are not what it says."""
        session.execute(_BEGIN)
        self._lock(session, locks.shared)
        self._schema = self.newest_schema(session)
        self._audit.check(session, self._schema)
        session.rollback()
        return self._schema

    def stored_schema(self, session: Session) -> Schema:
        """Return the newest stored schema, or the empty one; creates nothing."""
        return self.newest_schema(session) if self._audit.has_table(session, SCHEMAS) else Schema()

    def statements(self, plan: SchemaPlan) -> tuple[str, ...]:
        """Return the text of what `apply` would run for each change."""
        changes = (ddl.alter(self._dialect, self._dataset, change) for change in plan.changes)
        return tuple(statement.text for statements in changes for statement in statements)

    def newest_schema(self, session: Session) -> Schema:
        """Return the newest stored schema as it is written, in the open transaction."""
        rows = session.execute(self._ledger.newest_schema())
        return from_document(*rows[0]) if rows else Schema()

    def apply(self, session: Session, plan: SchemaPlan) -> None:
        """Change the tables and store the new schema; see `Sink.apply`."""
        if not plan:
            return
        check_limits(plan.target, self._capabilities)
        failpoint("schema.before_ddl")
        session.execute(_BEGIN)
        self._lock(session, locks.exclusive)
        if self._is_base(session, plan):
            for change in plan.changes:
                self._alter(session, change)
                for consequence in (*also(change, plan.target), *noted_changes(change, plan.target)):
                    self._alter(session, consequence)
            session.execute(self._ledger.store_schema(plan.target, self._pipeline))
        _commit(session)
        failpoint("schema.after_ddl_before_data")

    def _alter(self, session: Session, change: Change) -> None:
        if isinstance(change, WidenColumn) and not self._stays_exact(session, change):
            raise SchemaConflict(f"{change.table}.{change.column.name} holds integers that are no double by now")
        try:
            for statement in ddl.alter(self._dialect, self._space, change):
                session.execute(statement)
        except SinkError as error:
            if type(error) is not SinkError or not isinstance(change, WidenColumn):
                raise
            raise self._not_widened(session, change, error) from error

    def _not_widened(self, session: Session, change: WidenColumn, error: SinkError) -> SinkError:
        session.rollback()
        what = f"{change.table}.{change.column.name} cannot become {change.column.type}"
        if dependents := self._audit.dependents(session, change.table, change.column.name):
            return SchemaConflict(f"{what} since somebody made {', '.join(dependents)}")
        return SinkError(f"{what}: {error}. With tables.widen_rows = 0 a variant column takes what does not fit")

    def _is_base(self, session: Session, plan: SchemaPlan) -> bool:
        stored = self.newest_schema(session)
        if version_hash(stored) == version_hash(plan.target):
            return False
        if stored.version != plan.base.version:
            raise SchemaConflict(
                f"dataset {self._dataset} is at schema version {stored.version}, the plan starts at {plan.base.version}"
            )
        return True

    def can_widen(self, session: Session, change: WidenColumn, max_rows: int) -> bool:
        """Return whether a column may take its new type now; see `Sink.can_widen`."""
        if self._audit.dependents(session, change.table, change.column.name):
            return False
        ((rows,),) = session.execute(dml.count(self._space, change.table, max_rows + 1))
        return bool(rows <= max_rows) and self._stays_exact(session, change)

    def _stays_exact(self, session: Session, change: WidenColumn) -> bool:
        if (change.was, change.column.type) != (BIGINT, DOUBLE):
            return True
        return not session.execute(dml.beyond_double(self._space, change.table, change.column.name))

    def is_committed(self, session: Session, load_id: str) -> bool:
        """Return whether the load is in the ledger, once every load in flight has ended.

        The server may still be at a commit whose connection broke: only the lock that each load holds tells.
        """
        session.execute(_BEGIN)
        self._lock(session, locks.exclusive)
        found = session.execute(self._ledger.is_committed(load_id))
        session.rollback()
        return bool(found)

    def state(self, session: Session) -> Mapping[str, str]:
        """Return the newest committed state of the pipeline, by key."""
        return dict(session.execute(self._states.all_of(self._pipeline)))

    def load(self, session: Session, batch: Batch, step: Checkpoint) -> None:
        """Write rows, rejects, ledger and, last, the position, in one commit."""
        session.execute(_BEGIN)
        self._lock(session, locks.shared)
        self.write_rows(session, batch)
        if batch.rejects:
            self._copy(session, TABLES[REJECTS], rejects_table(reject_rows(batch, step)))
        failpoint("load.after_copy")
        _execute_all(session, self._states.store(self._pipeline, batch.state))
        self._fold(session, step)
        self._keep_books(session, batch, step)
        _commit_load(session, step)

    def write_rows(self, session: Session, batch: Batch) -> None:
        """Write the rows of a batch in the open transaction. Raises `SchemaConflict` and `DataRefused`."""
        schema = self._fitting(session, batch)
        self._empty(session, batch.replaces, schema)
        for name, data in batch.tables.items():
            if data.num_rows and not isinstance(schema.tables[name].write, (Merge, Scd2)):
                self._copy(session, schema.tables[name], data)
        self._merge(session, batch, schema)

    def begin(self, session: Session) -> None:
        """Begin a transaction beside the loads of others; nobody changes a table meanwhile."""
        session.execute(_BEGIN)
        self._lock(session, locks.shared)

    def begin_alone(self, session: Session) -> None:
        """Begin a transaction in which nobody else loads into the dataset, or claims partitions of the pipeline."""
        session.execute(_BEGIN)
        self._lock(session, locks.exclusive)
        self._lock(session, locks.exclusive, self._pipeline)

    def commit(self, session: Session) -> None:
        """Commit what is safe to repeat. Raises `Transient` when the answer is lost."""
        _commit(session)

    def _fitting(self, session: Session, batch: Batch) -> Schema:
        """Return the stored schema, read again only if its version is news. Raises `SchemaConflict`."""
        ((version,),) = session.execute(self._ledger.newest_version())
        if version != self._schema.version:
            self._schema = self.newest_schema(session)
        if version != batch.schema_version:
            _check_fits(batch, self._schema)
        return self._schema

    def _merge(self, session: Session, batch: Batch, schema: Schema) -> None:
        arriving = list(arrivals(batch, schema))
        self._lock_merges(session, arriving)
        append = partial(self._copy, session)
        merge = MergeWriter(session, self._space, append, by_index=self._dialect.merges_by_index)
        history = HistoryWriter(session, self._space, append)
        for each in arriving:
            try:
                (history if is_history_root(each.table) else merge).write(each)
            except DataRefused as error:
                raise self._audit.refusal(session, self._schema, each.table.name, error) from error

    def _empty(self, session: Session, roots: Collection[str], schema: Schema) -> None:
        """Delete the rows of these tables and their child tables; who replaces one of them meanwhile waits for us."""
        if roots and not self._dialect.advisory_locks:
            session.execute(self._ledger.take_turn())
        for root in sorted(roots):
            self._lock(session, locks.exclusive, "merge", root)
            for name in (root, *(child.name for child in children_of(root, schema))):
                session.execute(dml.delete_all(self._dataset, name))

    def _lock_merges(self, session: Session, arriving: Sequence[Arrival]) -> None:
        """Keep out what could merge past us: a late row must see the delete that another process is about to commit.

        Without advisory locks (one process, whose sinks see snapshots) the second of two writers conflicts.
        """
        if arriving and not self._dialect.advisory_locks:
            session.execute(self._ledger.take_turn())
        for each in arriving:
            alone = each.deletes.num_rows or is_history_root(each.table)
            kind = locks.exclusive if alone else locks.shared
            self._lock(session, kind, "merge", each.table.name)

    def _copy(self, session: Session, table: Table, data: pa.Table) -> None:
        try:
            stored = session.copy(self._space, table, data)
        except Transient:
            raise
        except SinkError as error:
            raise self._audit.refusal(session, self._schema, table.name, error) from error
        if stored != data.num_rows:
            raise self._audit.rows_kept_out(session, table.name, data.num_rows, stored)

    def _fold(self, session: Session, step: Checkpoint) -> None:
        ours: dict[str, set[int]] = {}
        for partition in step.since.next:
            ours.setdefault(partition.topic, set()).add(partition.number)
        if ours:
            self._folding.fold(session, ours, time.monotonic())

    def _keep_books(self, session: Session, batch: Batch, step: Checkpoint) -> None:
        try:
            if not session.execute(self._ledger.record(load_rows(batch, step, self._owner))):
                raise Fenced(f"load {step.load_id} of pipeline {self._pipeline} has landed before")
            self._advance(session, step)
        except DataRefused as error:  # by a constraint that is not ours: no record is to blame
            raise self._audit.refusal(session, self._schema, LOADS, error) from error

    def _advance(self, session: Session, step: Checkpoint) -> None:
        failpoint("offset.before_cas")
        moved = {Partition(topic, number) for topic, number in session.execute(self._offsets.advance(step))}
        if stuck := [partition for partition in step.since.next if partition not in moved]:
            expected = ", ".join(f"{partition} at {step.since.next[partition]}" for partition in stuck)
            raise Fenced(
                f"pipeline {self._pipeline}, epoch {step.epoch}: another process claimed or moved {expected}; "
                "nothing was written"
            )

    def _lock(self, session: Session, kind: locks.Kind, *names: str) -> None:
        if not self._dialect.advisory_locks:
            return
        if kind is locks.exclusive:
            session.execute(locks.end_overdue(self._dataset))
        session.execute(kind(self._dataset, *names))


def _execute_all(session: Session, statements: Iterable[Statement]) -> list[tuple[Any, ...]]:
    return [row for statement in statements for row in session.execute(statement)]


def _check_claimable(partitions: Collection[Partition], position: Position) -> None:
    if strange := [partition for partition in partitions if partition not in position]:
        raise KeyError(f"cannot claim {', '.join(map(str, strange))}: neither stored nor given a start")


def _check_fits(batch: Batch, stored: Schema) -> None:
    for name, data in batch.tables.items():
        if name not in stored.tables or not _fits(data.schema, stored.tables[name]):
            raise SchemaConflict(
                f"table {name} of this batch is of schema version {batch.schema_version} and does not fit "
                f"version {stored.version}, which another writer stored"
            )


def _fits(data: pa.Schema, table: Table) -> bool:
    required = {column.name for column in table.columns.values() if not column.nullable}
    types = {column.name: column.type.arrow for column in table.columns.values()}
    return required <= set(data.names) and all(types.get(field.name) == field.type for field in data)


def _commit(session: Session) -> None:
    """Commit what is safe to repeat: then a lost answer means no more than to call again."""
    try:
        session.send_commit()
        session.await_commit()
    except InDoubt as error:
        raise Transient(str(error)) from error


def _commit_load(session: Session, step: Checkpoint) -> None:
    try:
        failpoint("commit.before_send")
        session.send_commit()
        failpoint("commit.after_send")
        session.await_commit()
        failpoint("commit.after_ack")
    except ConnectionDropped as error:
        raise InDoubt(f"load {step.load_id}: the connection broke during the commit") from error
