"""What a SQL database holds of tables that merge: one row for each key, and the deletes that are remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from checkpoints import OffsetRange
from sinks.audit import MergeFault, TopicScope
from sinks.merging import is_merged_root, remembered_of
from sinks.schema import Schema, Table
from sinks.sql.audit import userdata as user
from sinks.sql.audit.answers import root_of
from sinks.sql.audit.holdings import Holdings
from sinks.sql.merge_sql import MergeSql
from sinks.sql.session import Session
from sinks.sql.statement import Statement, chunked, namespace, render


class MergedHoldings(Holdings):
    """The questions of the `Audit` port about tables that merge."""

    async def merge_faults(self, scope: TopicScope, limit: int) -> tuple[MergeFault, ...]:
        """Return keys that are there more than once, and rows whose key was deleted since."""

        def ask(session: Session) -> tuple[MergeFault, ...]:
            root = root_of(self._schema(session), scope)
            if root is None or not is_merged_root(root):
                return ()
            return tuple(self._faults(session, root, limit))

        return await self._read(ask)

    async def row_ids(self, scope: TopicScope, within: OffsetRange) -> tuple[tuple[int, str], ...]:
        """Return offset and id of each root row of a range."""

        def ask(session: Session) -> tuple[tuple[int, str], ...]:
            root = root_of(self._schema(session), scope)
            found = session.execute(self._ids_within(scope, root, within)) if root else ()
            return tuple((int(offset), row_id) for offset, row_id in found)

        return await self._read(ask)

    async def places_of(self, scope: TopicScope, row_ids: Sequence[str]) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """Return the places of the events that rows and remembered deletes are of."""

        def ask(session: Session) -> Mapping[str, tuple[tuple[int, int], ...]]:
            found: dict[str, tuple[tuple[int, int], ...]] = {}
            for statement in self._places(self._schema(session), scope, row_ids):
                for row_id, partition, offset in session.execute(statement):
                    found[row_id] = (*found.get(row_id, ()), (int(partition), int(offset)))
            return found

        return await self._read(ask)

    def _faults(self, session: Session, root: Table, limit: int) -> Iterator[MergeFault]:
        dialect = self._transactions.dialect
        sql = MergeSql(self._space, root, "rows", "deletes", ())
        if not dialect.merges_by_index:  # else an index keeps each key unique
            for row_id, count in session.execute(sql.doubled_keys(limit)):
                yield MergeFault("key_twice", row_id, f"{count} rows of {root.name} have the same key")
        for (row_id,) in session.execute(sql.undeleted(limit)):
            yield MergeFault("undeleted", row_id, f"a row of {root.name} is older than the delete of its key")

    def _ids_within(self, scope: TopicScope, root: Table, within: OffsetRange) -> Statement:
        rows = user.table_of(self._space, root)
        chosen = sa.select(rows.c[user.OFFSET], rows.c[user.ROW_ID])
        return render(chosen.where(user.of_topic(scope, rows), user.inside(within, rows)))

    def _places(self, schema: Schema, scope: TopicScope, row_ids: Sequence[str]) -> Iterator[Statement]:
        root = root_of(schema, scope)
        if root is None or not is_merged_root(root):
            return
        for table in (root, remembered_of(root)):
            rows = user.table_of(self._space, table)
            place: tuple[Any, ...] = (rows.c[user.ROW_ID], rows.c[user.PARTITION], rows.c[user.OFFSET])
            for some in chunked(row_ids):
                wanted = rows.c[user.ROW_ID].in_(list(some))
                yield render(sa.select(*place).where(wanted, rows.c[user.OFFSET].is_not(None)))

    @property
    def _space(self) -> str:
        return namespace(self._transactions.dialect.catalog, self._dataset)
