"""Statements that steer a pipeline: rewind, replay, drop, pause, watermarks. Pure; the audit sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from checkpoints import OffsetRange, Partition
from sinks.audit import RejectFilter, TopicScope
from sinks.ledger import RejectRow
from sinks.merging import merge_of, remembered_of
from sinks.schema import Schema, Table
from sinks.sql.audit import userdata as user
from sinks.sql.audit.questions import Questions
from sinks.sql.statement import Statement, chunked, quoted, render


class Changes:
    """One method for each statement that changes something."""

    def __init__(self, questions: Questions, dataset: str, pipeline: str) -> None:
        self._ask = questions
        self._dataset = dataset
        self._pipeline = pipeline

    # -- rewind

    def delete_rows(self, scope: TopicScope, schema: Schema, table: Table, within: OffsetRange) -> Statement:
        """Return the delete of a range's rows in the root table, or in `table` below it."""
        rows = user.table_of(self._dataset, table)
        if table.parent is None:
            return render(sa.delete(rows).where(user.of_topic(scope, rows), user.inside(within, rows)))
        roots = self._ask.root_ids(scope, schema, within)
        return render(sa.delete(rows).where(user.belongs(schema, self._dataset, table, rows, roots)))

    def forget_deletes(self, root: Table, within: OffsetRange) -> Statement:
        """Return the delete of what is remembered of a range's deletes: whoever loads it again finds them anew."""
        remembered = user.table_of(self._dataset, remembered_of(root))
        return render(sa.delete(remembered).where(user.inside(within, remembered)))

    def undo_soft_deletes(self, scope: TopicScope, root: Table, mark: str, within: OffsetRange) -> Statement:
        """Return the update after which rows that a range marked as deleted are older than all of it, and not marked.

        Their values may be of events before the range, which nobody loads again.
        """
        rows = user.table_of(self._dataset, root)
        marked = sa.and_(user.of_topic(scope, rows), user.inside(within, rows), rows.c[mark].is_not(None))
        sort = [by.column for by in merge_of(root).sort if root.columns[by.column].nullable]
        back = {**dict.fromkeys((mark, *sort)), user.OFFSET: within.start - 1}
        return render(sa.update(rows).where(marked).values({rows.c[name]: value for name, value in back.items()}))

    def delete_rejects_within(self, within: OffsetRange) -> Statement:
        """Return the delete of a range's rejects."""
        r = self._ask.rejects_table.c
        inside = sa.and_(r.offset >= within.start, r.offset < within.stop)
        return render(sa.delete(self._ask.rejects_table).where(self._of(r, within.partition), inside))

    def delete_ledger_from(self, partition: Partition, offset: int) -> Statement:
        """Return the delete of the lines that begin at or past an offset."""
        loads = self._ask.loads
        return render(sa.delete(loads).where(self._of(loads.c, partition), loads.c.start_offset >= offset))

    def cut_ledger(self, partition: Partition, offset: int, rows: int, rejected: int) -> Statement:
        """Return the update that ends the line in which an offset lies before it, with these counts.

        Which of the other offsets were holes, and which skipped records, was told of the whole line only: all count as
        skipped.
        """
        loads = self._ask.loads
        c = loads.c
        length = sa.literal(offset, sa.BigInteger) - c.start_offset
        cut = {
            "stop_offset": offset,
            "records": sa.case((c.lost, 0), else_=length),
            "rows": rows,
            "rejected": rejected,
            "skipped": sa.case((c.lost, 0), else_=length - rows - rejected),
            "holes": sa.case((c.lost, length), else_=0),
        }
        inside = sa.and_(self._of(c, partition), c.start_offset < offset, c.stop_offset > offset)
        return render(sa.update(loads).where(inside).values(cut))

    def set_position(self, partition: Partition, offset: int, epoch: int, owner: str) -> Statement:
        """Return the update that puts a partition somewhere else under a new epoch."""
        o = self._ask.offsets
        moved = {"next_offset": offset, "epoch": epoch, "owner": owner, "attempts": 0, "updated_at": sa.func.now()}
        return render(sa.update(o).where(self._of(o.c, partition)).values(moved))

    def forget_origin(self, topic: str) -> Statement:
        """Return the update after which whoever claims takes the topic for what it is by then."""
        o = self._ask.offsets
        return render(sa.update(o).where(o.c.pipeline == self._pipeline, o.c.topic == topic).values(origin=""))

    def delete_watermark(self, partition: Partition) -> Statement:
        """Return the delete of a partition's watermark: it is not true any more."""
        return render(sa.delete(self._ask.marks).where(self._of(self._ask.marks.c, partition)))

    # -- rejects

    def delete_rejects(self, some: Sequence[RejectRow]) -> tuple[Statement, ...]:
        """Return the deletes of these rejects, a thousand at a time; they return a row for each that was there."""
        return tuple(self._delete_rejects(part) for part in chunked(some))

    def _delete_rejects(self, some: Sequence[RejectRow]) -> Statement:
        table = self._ask.rejects_table
        r = table.c
        places = [(row.load_id, row.topic, row.partition, row.offset) for row in some]
        these = sa.tuple_(r.load_id, r.topic, r.partition, r.offset).in_(places)
        return render(sa.delete(table).where(r.pipeline == self._pipeline, these).returning(r.offset))

    def drop_rejects(self, which: RejectFilter) -> Statement:
        """Return the delete of all rejects that a filter means."""
        return render(sa.delete(self._ask.rejects_table).where(self._ask.chosen(which)))

    def recount_as_row(self, partition: Partition, offset: int) -> Statement:
        """Return the update of the ledger's line around `offset`: one of its rejects is a row now."""
        loads = self._ask.loads
        c = loads.c
        inside = sa.and_(self._of(c, partition), c.start_offset <= offset, c.stop_offset > offset)
        return render(sa.update(loads).where(inside).values(rejected=c.rejected - 1, rows=c.rows + 1))

    def recount_as_skipped(self, which: RejectFilter) -> Statement:
        """Return the update of the ledger: the rejects that a filter means are skipped records now."""
        loads, r = self._ask.loads, self._ask.rejects_table.c
        c = loads.c
        inside = sa.and_(r.offset >= c.start_offset, r.offset < c.stop_offset)
        mine = sa.and_(self._ask.chosen(which), r.topic == c.topic, r.partition == c.partition, inside)
        dropped = sa.select(sa.func.count()).select_from(self._ask.rejects_table).where(mine)
        count = dropped.correlate(loads).scalar_subquery()
        touched = sa.and_(c.pipeline == self._pipeline, c.rejected > 0)
        return render(sa.update(loads).where(touched).values(rejected=c.rejected - count, skipped=c.skipped + count))

    # -- notes and watermarks

    def note(self, key: str, document: str | None) -> Statement:
        """Return the statement that keeps a document under a key of `_hr_state`; None deletes it."""
        state = self._ask.state
        if document is None:
            return render(sa.delete(state).where(state.c.pipeline == self._pipeline, state.c.key == key))
        row = {"pipeline": self._pipeline, "key": key, "document": document, "updated_at": sa.func.now()}
        keep = insert(state).values(row)
        return render(
            keep.on_conflict_do_update(
                index_elements=[quoted("pipeline"), quoted("key")],
                set_={"document": keep.excluded.document, "updated_at": sa.func.now()},
            )
        )

    def advance_watermarks(self, event_times: Mapping[Partition, datetime], epoch: int) -> tuple[Statement, ...]:
        """Return the upserts of watermarks of partitions that `epoch` owns; none moves back."""
        return tuple(self._advance(p, at, epoch) for p, at in sorted(event_times.items()))

    def _advance(self, partition: Partition, at: datetime, epoch: int) -> Statement:
        marks, offsets = self._ask.marks, self._ask.offsets.c
        instant = sa.cast(at.isoformat(), sa.TIMESTAMP(timezone=True))
        owned = sa.and_(self._of(offsets, partition), offsets.epoch == epoch)
        found = sa.select(offsets.pipeline, offsets.topic, offsets.partition, instant, sa.func.now()).where(owned)
        keep = insert(marks).from_select(["pipeline", "topic", "partition", "event_time", "updated_at"], found)
        newer = keep.excluded.event_time > marks.c.event_time
        return render(
            keep.on_conflict_do_update(
                index_elements=[quoted(name) for name in ("pipeline", "topic", "partition")],
                set_={"event_time": keep.excluded.event_time, "updated_at": sa.func.now()},
                where=newer,
            )
        )

    def _of(self, column: Any, partition: Partition) -> sa.ColumnElement[bool]:
        mine = column.pipeline == self._pipeline
        return sa.and_(mine, column.topic == partition.topic, column.partition == partition.number)
