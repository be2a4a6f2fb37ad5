"""Statements that ask the system tables and the users' tables what they hold. Pure; nothing here changes a row."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa

from checkpoints import OffsetRange, Partition
from sinks.audit import BUCKET, FACTOR, PRIME, RejectFilter, TopicScope
from sinks.ledger import LoadRow, RejectRow
from sinks.schema import Schema, Table
from sinks.sql import ddl
from sinks.sql.audit import userdata as user
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, namespace, quoted, render
from sinks.sql.system import KEYS, LOADS, OFFSETS, REJECTS, SCHEMAS, STATE, TABLES, WATERMARKS

PAUSED: Final = "paused"
_LOAD: Final = tuple(field.name for field in fields(LoadRow))
_REJECT: Final = tuple(field.name for field in fields(RejectRow))


class Questions:
    """One method for each question about one pipeline in one dataset."""

    def __init__(self, dialect: Dialect, dataset: str, pipeline: str) -> None:
        self._schema_name = dataset
        self._dataset = dataset = namespace(dialect.catalog, dataset)
        self._pipeline = pipeline
        made = {name: ddl.table_of(dialect, dataset, table, KEYS[name]) for name, table in TABLES.items()}
        self.offsets, self.loads, self.rejects_table = made[OFFSETS], made[LOADS], made[REJECTS]
        self.schemas, self.state, self.marks = made[SCHEMAS], made[STATE], made[WATERMARKS]

    def system_tables(self) -> Statement:
        """Return the query for the names of the tables in the dataset."""
        known = sa.table("tables", sa.column("table_schema"), sa.column("table_name"), schema="information_schema")
        return render(sa.select(known.c.table_name).where(known.c.table_schema == self._schema_name))

    def clock(self) -> Statement:
        """Return the query for the time as the database has it."""
        return render(sa.select(_text(sa.func.now())))

    def states(self) -> Statement:
        """Return the query for each partition's position, claim and time."""
        o = self.offsets.c
        chosen = (o.topic, o.partition, o.next_offset, o.epoch, o.owner, o.attempts, _text(o.updated_at))
        return render(sa.select(*chosen).where(o.pipeline == self._pipeline).order_by(o.topic, o.partition))

    def totals(self, scope: TopicScope) -> Statement:
        """Return the query for a line of sums for each partition of the ledger."""
        loads = self.loads.c
        lost = sa.func.sum(sa.case((loads.lost, loads.stop_offset - loads.start_offset), else_=0))
        counted = (loads.records, loads.rows, loads.rejected, loads.skipped, loads.holes)
        return render(
            sa.select(
                loads.partition,
                sa.func.min(loads.start_offset),
                sa.func.max(loads.stop_offset),
                *map(sa.func.sum, counted),
                lost,
                sa.func.count(),
            )
            .where(self._ledger_of(scope))
            .group_by(loads.partition)
            .order_by(loads.partition)
        )

    def faults(self, scope: TopicScope, limit: int) -> Statement:
        """Return the query for lines that do not begin where the one before ends, or do not add up."""
        loads = self.loads.c
        order = (loads.start_offset, loads.stop_offset)
        lines = (
            sa.select(
                *(loads[name] for name in (*_LOAD[2:11], "lost", "epoch")),
                sa.func.lag(loads.stop_offset).over(partition_by=loads.partition, order_by=order).label("before"),
                sa.func.lag(loads.epoch).over(partition_by=loads.partition, order_by=order).label("epoch_before"),
            )
            .where(self._ledger_of(scope))
            .subquery("lines")
        )
        c = lines.c
        wrong = sa.or_(
            c.before != c.start_offset,
            c.epoch_before > c.epoch,
            c.records != c.rows + c.rejected + c.skipped,
            c.rows < 0,
            c.holes < 0,
            sa.and_(sa.not_(c.lost), c.records + c.holes != c.stop_offset - c.start_offset),
        )
        chosen = (c.partition, c.start_offset, c.stop_offset, c.before, c.epoch_before, c.epoch, c.records)
        return render(sa.select(*chosen).where(wrong).order_by(c.partition, c.start_offset).limit(limit))

    def row_tallies(self, scope: TopicScope, root: Table) -> Statement:
        """Return the query for the tallies of a topic's rows: one pass over the root table."""
        rows = user.table_of(self._dataset, root)
        return _tallies(rows.c[user.PARTITION], rows.c[user.OFFSET], user.of_topic(scope, rows))

    def reject_tallies(self, scope: TopicScope) -> Statement:
        """Return the query for the tallies of a topic's rejects."""
        r = self.rejects_table.c
        return _tallies(r.partition, r.offset, self._rejects_of(scope))

    def held_rows(self, scope: TopicScope, root: Table, within: OffsetRange) -> Statement:
        """Return the query for each offset of a range and how many rows have it."""
        rows = user.table_of(self._dataset, root)
        wanted = sa.and_(user.of_topic(scope, rows), user.inside(within, rows))
        return _copies(rows.c[user.OFFSET], wanted)

    def held_rejects(self, scope: TopicScope, within: OffsetRange) -> Statement:
        """Return the query for each offset of a range and how many rejects have it."""
        wanted = sa.and_(self._rejects_of(scope), self._inside_rejects(within))
        return _copies(self.rejects_table.c.offset, wanted)

    def ledger(self, partition: Partition, offset: int, limit: int) -> Statement:
        """Return the query for lines of the ledger that end after `offset`, as `LoadRow` has them."""
        loads = self.loads.c
        mine = self._ledger_of(TopicScope(partition.topic, None))
        wanted = sa.and_(mine, loads.partition == partition.number, loads.stop_offset > offset)
        return render(
            sa.select(*(loads[name] for name in _LOAD)).where(wanted).order_by(loads.start_offset).limit(limit)
        )

    def recent_loads(self, limit: int) -> Statement:
        """Return the query for the newest lines of the ledger, each with its time in front."""
        loads = self.loads.c
        return render(
            sa.select(_text(loads.committed_at), *(loads[name] for name in _LOAD))
            .where(loads.pipeline == self._pipeline)
            .order_by(loads.committed_at.desc(), loads.load_id.desc(), loads.topic, loads.partition)
            .limit(limit)
        )

    def broken_lists(self, child: Table, parent: Table, limit: int) -> Statement:
        """Return the query for lists of `child` without their parent, or whose indices are not 0, 1, 2 ...

        Each is a parent's id, rows, and rows expected: 0 where the parent is gone. Children are found by their table,
        not by the topic: a row without a parent belongs to none.
        """
        rows, above = user.table_of(self._dataset, child), user.table_of(self._dataset, parent)
        found = sa.func.count()
        expected = sa.func.max(rows.c[user.LIST_INDEX]) + 1 if user.LIST_INDEX in child.columns else found
        by_parent = sa.select(rows.c[user.PARENT_ID], found.label("found"), expected.label("expected"))
        c = by_parent.group_by(rows.c[user.PARENT_ID]).subquery("lists").c
        gone = sa.not_(sa.exists().where(above.c[user.ROW_ID] == c[user.PARENT_ID]))
        chosen = sa.select(c[user.PARENT_ID], c.found, sa.case((gone, 0), else_=c.expected))
        return render(chosen.where(sa.or_(gone, c.found != c.expected)).order_by(c[user.PARENT_ID]).limit(limit))

    def count_before(self, scope: TopicScope, root: Table | None, partition: Partition, offset: int) -> Statement:
        """Return the query for the number of rows and rejects of a partition before an offset."""
        r = self.rejects_table.c
        mine = sa.and_(self._rejects_of(scope), r.partition == partition.number, r.offset < offset)
        rejects = sa.select(sa.func.count()).where(mine).scalar_subquery()
        if root is None:
            return render(sa.select(rejects))
        rows = user.table_of(self._dataset, root)
        c = rows.c
        wanted = sa.and_(user.of_topic(scope, rows), c[user.PARTITION] == partition.number, c[user.OFFSET] < offset)
        return render(sa.select(sa.select(sa.func.count()).where(wanted).scalar_subquery() + rejects))

    def rows_within(self, scope: TopicScope, schema: Schema, table: Table, within: OffsetRange) -> sa.Select[Any]:
        """Return the query for the rows of a range in the root table, or in `table` below it."""
        roots = self.root_ids(scope, schema, within)
        rows = user.table_of(self._dataset, table)
        chosen = sa.select(*rows.c)
        if table.parent is None:
            return chosen.where(rows.c[user.ROW_ID].in_(roots))
        return chosen.where(user.belongs(schema, self._dataset, table, rows, roots))

    def root_ids(self, scope: TopicScope, schema: Schema, within: OffsetRange) -> sa.Select[Any]:
        """Return the query for the ids of the root rows of a range."""
        root = user.table_of(self._dataset, schema.tables[scope.table or ""])
        return sa.select(root.c[user.ROW_ID]).where(user.of_topic(scope, root), user.inside(within, root))

    def row(self, table: Table, row_id: str) -> Statement:
        """Return the query for one row's parent, root, partition, offset and load; null for a column it lacks."""
        rows = user.table_of(self._dataset, table)
        names = (user.PARENT_ID, user.ROOT_ID, user.PARTITION, user.OFFSET, user.LOAD_ID)
        chosen = [rows.c[name] if name in table.columns else sa.null().label(name) for name in names]
        return render(sa.select(*chosen).where(rows.c[user.ROW_ID] == row_id).limit(1))

    def count(self, table: str) -> Statement:
        """Return the query for the number of rows of a table."""
        rows = sa.Table(quoted(table), sa.MetaData(), schema=quoted(self._dataset))
        return render(sa.select(sa.func.count()).select_from(rows))

    def count_of(self, rows: sa.Select[Any]) -> Statement:
        """Return the query for the number of rows that another query gives."""
        return render(sa.select(sa.func.count()).select_from(rows.subquery("counted")))

    def count_rejects(self, within: OffsetRange) -> Statement:
        """Return the query for the number of rejects in a range."""
        return self.count_of(self.rejects_table.select().where(self._inside_rejects(within)))

    def schema_versions(self, limit: int) -> Statement:
        """Return the query for version, document and time of the newest schemas."""
        s = self.schemas.c
        newest = sa.select(s.version, s.document, _text(s.created_at)).order_by(s.version.desc())
        return render(newest.limit(limit))

    def stored_schemas(self, limit: int) -> Statement:
        """Return the query for version, document, hash, pipeline and time of the newest schemas."""
        s = self.schemas.c
        chosen = (s.version, s.document, s.version_hash, s.pipeline, _text(s.created_at))
        return render(sa.select(*chosen).order_by(s.version.desc()).limit(limit))

    def first_loads(self, since: int) -> Statement:
        """Return the query for the lines of the first load under each version of the schema from `since` on."""
        loads = self.loads.c
        order = (loads.committed_at, loads.load_id)
        place = sa.func.dense_rank().over(partition_by=loads.schema_version, order_by=order).label("place")
        ranked = (
            sa.select(*(loads[name] for name in _LOAD), place).where(loads.schema_version >= since).subquery("ranked")
        )
        c = ranked.c
        lines = sa.select(*(c[name] for name in _LOAD)).where(c.place == 1)
        return render(lines.order_by(c.schema_version, c.topic, c.partition))

    def reject_counts(self) -> Statement:
        """Return the query for the number of rejects by topic and reason, and their newest time."""
        r = self.rejects_table.c
        return render(
            sa.select(r.topic, r.reason, sa.func.count(), _text(sa.func.max(r.timestamp)))
            .where(r.pipeline == self._pipeline)
            .group_by(r.topic, r.reason)
            .order_by(r.topic, r.reason)
        )

    def rejects(self, which: RejectFilter, after: tuple[str, int, int] | None, limit: int) -> Statement:
        """Return the query for rejects in their order, as `RejectRow` has them."""
        r = self.rejects_table.c
        chosen = [_text(r[name]) if name == "timestamp" else r[name] for name in _REJECT]
        wanted = [self.chosen(which)]
        if after is not None:
            place = zip((r.topic, r.partition, r.offset), after, strict=True)
            topic, partition, offset = ((column, value) for column, value in place)
            wanted.append(_beyond(topic, partition, offset))
        order = (r.topic, r.partition, r.offset)
        return render(sa.select(*chosen).where(*wanted).order_by(*order).limit(limit))

    def chosen_rejects(self, which: RejectFilter) -> sa.Select[Any]:
        """Return the query for the rejects that a filter means."""
        return self.rejects_table.select().where(self.chosen(which))

    def chosen(self, which: RejectFilter) -> sa.ColumnElement[bool]:
        """Return the condition of a filter."""
        r = self.rejects_table.c
        given = {field.name: getattr(which, field.name) for field in fields(which)}
        return sa.and_(
            r.pipeline == self._pipeline, *(r[k] == value for k, value in given.items() if value is not None)
        )

    def note(self, key: str) -> Statement:
        """Return the query for what `_hr_state` has under a key."""
        s = self.state.c
        return render(sa.select(s.document).where(s.pipeline == self._pipeline, s.key == key))

    def rewound(self, mark: str) -> Statement:
        """Return the query for partitions, with their epochs, whose owner begins with `mark`."""
        o = self.offsets.c
        mine = sa.and_(o.pipeline == self._pipeline, o.owner.like(f"{mark}%"))
        return render(sa.select(o.topic, o.partition, o.epoch).where(mine))

    def watermarks(self) -> Statement:
        """Return the query for the watermarks."""
        m = self.marks.c
        mine = m.pipeline == self._pipeline
        return render(sa.select(m.topic, m.partition, _text(m.event_time)).where(mine).order_by(m.topic, m.partition))

    def _ledger_of(self, scope: TopicScope) -> sa.ColumnElement[bool]:
        loads = self.loads.c
        mine = sa.and_(loads.pipeline == self._pipeline, loads.topic == scope.topic)
        return sa.and_(mine, user.since(scope, loads.partition, loads.stop_offset - 1))

    def _inside_rejects(self, within: OffsetRange) -> sa.ColumnElement[bool]:
        r = self.rejects_table.c
        mine = sa.and_(r.pipeline == self._pipeline, r.topic == within.partition.topic)
        inside = sa.and_(r.offset >= within.start, r.offset < within.stop)
        return sa.and_(mine, r.partition == within.partition.number, inside)

    def _rejects_of(self, scope: TopicScope) -> sa.ColumnElement[bool]:
        r = self.rejects_table.c
        mine = sa.and_(r.pipeline == self._pipeline, r.topic == scope.topic)
        return sa.and_(mine, user.since(scope, r.partition, r.offset))


def _tallies(partition: Any, offset: Any, wanted: sa.ColumnElement[bool]) -> Statement:
    place = offset % _number(BUCKET)
    start = (offset - place).label("start")
    product = place * _number(FACTOR) % _number(PRIME)
    sums = (sa.func.count(), sa.func.sum(place), sa.func.sum(product * product % _number(PRIME)))
    return render(
        sa.select(partition, start, *sums).where(wanted).group_by(partition, start).order_by(partition, start)
    )


def _copies(offset: Any, wanted: sa.ColumnElement[bool]) -> Statement:
    return render(sa.select(offset, sa.func.count()).where(wanted).group_by(offset).order_by(offset))


def _beyond(*places: tuple[Any, Any]) -> sa.ColumnElement[bool]:
    (column, value), *rest = places
    if not rest:
        return sa.ColumnElement.__gt__(column, value)
    return sa.or_(column > value, sa.and_(column == value, _beyond(*rest)))


def _number(value: int) -> sa.ColumnElement[int]:
    return sa.literal_column(f"CAST({value:d} AS BIGINT)", sa.BigInteger)


def _text(instant: Any) -> sa.ColumnElement[str]:
    """Return an instant as text: one driver needs a further package to hand out the value itself."""
    return sa.cast(instant, sa.Text)
