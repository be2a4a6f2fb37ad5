"""A rewind inside one transaction: what lies past an offset goes, and the position stands there again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from checkpoints import OffsetRange, Partition
from sinks.audit import Rewound, RewoundPartition, TopicScope, whole_topics
from sinks.merging import is_merged_root, merge_of
from sinks.schema import Schema, Table
from sinks.sql.audit import userdata as user
from sinks.sql.audit.changes import Changes
from sinks.sql.audit.questions import Questions
from sinks.sql.session import Session
from sinks.sql.statement import Statement


class Rewinding:
    """The steps of a rewind on one session; who calls begins the transaction and ends it."""

    def __init__(
        self, session: Session, questions: Questions, changes: Changes, schema: Schema, has_watermarks: bool
    ) -> None:
        self._session = session
        self._ask = questions
        self._change = changes
        self._schema = schema
        self._has_watermarks = has_watermarks

    def rehearse(self, scopes: Collection[TopicScope], to: Mapping[Partition, int]) -> Rewound:
        """Return what `run` would take away."""
        by_topic = {scope.topic: scope for scope in scopes}
        taken, children = [], Counter[str]()
        for within in self._ranges(to):
            scope = by_topic[within.partition.topic]
            taken.append(self._count(scope, within))
            for table in self._below(scope):
                rows = self._ask.rows_within(scope, self._schema, table, within)
                children[table.name] += self._number(self._ask.count_of(rows))
        return Rewound(tuple(taken), dict(children))

    def run(self, scopes: Collection[TopicScope], to: Mapping[Partition, int], owner: str) -> Rewound:
        """Take away what lies past the offsets, and set the positions under a new epoch."""
        found = self.rehearse(scopes, to)
        epoch = 1 + max((state[3] for state in self._session.execute(self._ask.states())), default=0)
        by_topic = {scope.topic: scope for scope in scopes}
        for within in self._ranges(to):
            self._take(by_topic[within.partition.topic], within)
            self._session.execute(self._change.set_position(within.partition, within.start, epoch, owner))
        for topic in whole_topics(to, {Partition(topic, number) for topic, number, _ in self._states()}):
            self._session.execute(self._change.forget_origin(topic))
        return replace(found, epoch=epoch)

    def _take(self, scope: TopicScope, within: OffsetRange) -> None:
        if (root := self._root(scope)) and is_merged_root(root):
            self._take_deletes(scope, root, within)
        for table in reversed(self._below(scope)):  # the deepest first: each is found through those above it
            self._session.execute(self._change.delete_rows(scope, self._schema, table, within))
        if root := self._root(scope):
            self._session.execute(self._change.delete_rows(scope, self._schema, root, within))
        self._session.execute(self._change.delete_rejects_within(within))
        self._session.execute(self._change.delete_ledger_from(within.partition, within.start))
        self._cut_ledger(scope, within)
        if self._has_watermarks:
            self._session.execute(self._change.delete_watermark(within.partition))

    def _take_deletes(self, scope: TopicScope, root: Table, within: OffsetRange) -> None:
        """Undo the deletes of a range, as far as its events are not all that made the table."""
        mark = merge_of(root).soft_delete
        lines = self._session.execute(self._ask.ledger(within.partition, 0, 1))
        begins_before = bool(lines) and lines[0][4] < within.start
        if mark is not None and mark in root.columns and begins_before:
            self._session.execute(self._change.undo_soft_deletes(scope, root, mark, within))
        self._session.execute(self._change.forget_deletes(root, within))

    def _cut_ledger(self, scope: TopicScope, within: OffsetRange) -> None:
        lines = self._session.execute(self._ask.ledger(within.partition, within.start, 1))
        if not lines:
            return
        start = lines[0][4]  # of the line that the offset lies in, as `LoadRow` has it
        kept = self._count(scope, OffsetRange(within.partition, start, within.start))
        self._session.execute(self._change.cut_ledger(within.partition, within.start, kept.rows, kept.rejects))

    def _ranges(self, to: Mapping[Partition, int]) -> list[OffsetRange]:
        standing = {Partition(topic, number): offset for topic, number, offset, *_ in self._states()}
        return [
            OffsetRange(partition, offset, standing[partition])
            for partition, offset in sorted(to.items())
            if offset < standing.get(partition, 0)
        ]

    def _states(self) -> Collection[tuple[str, int, int]]:
        return [(row[0], row[1], row[2]) for row in self._session.execute(self._ask.states())]

    def _count(self, scope: TopicScope, within: OffsetRange) -> RewoundPartition:
        rows = 0
        if root := self._root(scope):
            rows = self._number(self._ask.count_of(self._ask.rows_within(scope, self._schema, root, within)))
        rejects = self._number(self._ask.count_rejects(within))
        return RewoundPartition(within.partition, within.stop, within.start, rows, rejects)

    def _number(self, question: Statement) -> int:
        ((count,),) = self._session.execute(question)
        return int(count)

    def _root(self, scope: TopicScope) -> Table | None:
        return self._schema.tables.get(scope.table) if scope.table else None

    def _below(self, scope: TopicScope) -> list[Table]:
        return list(user.below(self._schema, scope.table)) if scope.table else []
