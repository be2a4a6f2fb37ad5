"""Keeping the ledger small: what lies far back needs one row for a range, not one for each load.

Rows go on naming their load in `_hr_load_id`; the ledger row whose range holds a row's partition and offset tells of
it, folded or not.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa

from sinks.sql import ddl
from sinks.sql.dialect import Dialect
from sinks.sql.session import Session
from sinks.sql.statement import Template, by_column, rows_of, template
from sinks.sql.system import KEYS, LOADS, SCHEMAS, TABLES

_KEPT_SCHEMAS: Final = 20  # the newest: each holds the whole document
_FOLDS_A_PERIOD: Final = 24  # hourly, where a day is kept in detail

_GROUP: Final = ("topic", "partition", "epoch", "schema_version")
_SUMS: Final = ("records", "rows", "rejected", "skipped", "holes")
_FOLDED: Final[dict[str, Any]] = {
    "load_id": sa.Text,
    "topic": sa.Text,
    "partition": sa.BigInteger,
    "epoch": sa.BigInteger,
    "schema_version": sa.BigInteger,
    "first_offset": sa.BigInteger,
    "last_offset": sa.BigInteger,
    **dict.fromkeys(_SUMS, sa.BigInteger),
}


class LedgerFolding:
    """Folds the ledger of one pipeline now and then, each time in the transaction of a load.

    Contiguous ranges of one partition, epoch and version of the schema become one row, under the id of their last load.
    Ranges that were lost, and loads that do not come from Kafka, stay as they are.
    """

    def __init__(self, dialect: Dialect, dataset: str, pipeline: str, keep_seconds: float) -> None:
        self._pipeline = pipeline
        self._keep_seconds = keep_seconds
        self._loads = ddl.table_of(dialect, dataset, TABLES[LOADS], KEYS[LOADS])
        self._schemas = ddl.table_of(dialect, dataset, TABLES[SCHEMAS], KEYS[SCHEMAS])
        self._due = 0.0

    def fold(self, session: Session, topics: dict[str, set[int]], now: float) -> None:
        """Fold what is old of these partitions, if that is due at `now`, in the open transaction.

        They must be ours: nobody else may fold them at the same time.
        """
        if now < self._due:
            return
        self._due = now + self._keep_seconds / _FOLDS_A_PERIOD
        old = f"{self._keep_seconds:f} seconds"
        found = session.execute(self._find.fill(of=self._pipeline, age=old))
        ours = [row for row in found if row[2] in topics.get(row[1], ())]
        if ours:
            columns = by_column(_FOLDED, ours)
            session.execute(self._keep.fill(of=self._pipeline, **columns))
            session.execute(self._drop.fill(of=self._pipeline, **columns))
        session.execute(self._forget.fill(kept=_KEPT_SCHEMAS))

    @cached_property
    def _find(self) -> Template:
        return template(self._finding())

    @cached_property
    def _keep(self) -> Template:
        return template(self._keeping())

    @cached_property
    def _drop(self) -> Template:
        return template(self._dropping())

    @cached_property
    def _forget(self) -> Template:
        return template(self._forgetting())

    def _finding(self) -> sa.Select[Any]:
        """Return the query for what shall be one row and is several: `_FOLDED`, in this order."""
        c = self._loads.c
        group = [c[name] for name in _GROUP]
        before = sa.func.lag(c.stop_offset).over(partition_by=group, order_by=(c.start_offset, c.stop_offset))
        old = sa.select(*c, sa.case((before == c.start_offset, 0), else_=1).label("jump")).where(
            c.pipeline == sa.bindparam("of", required=True),
            c.topic != "",
            sa.not_(c.lost),
            c.committed_at < sa.func.now() - sa.cast(sa.bindparam("age", required=True), sa.Interval),
        )
        o = old.subquery("old").c
        island = sa.func.sum(o.jump).over(
            partition_by=[o[name] for name in _GROUP], order_by=(o.start_offset, o.stop_offset)
        )
        i = sa.select(*o, island.label("island")).subquery("islands").c
        last = sa.func.max(i.stop_offset).over(partition_by=[*(i[name] for name in _GROUP), i.island])
        n = sa.select(*i, last.label("last_offset")).subquery("named").c
        is_last = sa.case((n.stop_offset == n.last_offset, n.load_id))
        return (
            sa.select(
                sa.func.max(is_last),
                *(n[name] for name in _GROUP),
                sa.func.min(n.start_offset),
                n.last_offset,
                *(sa.cast(sa.func.sum(n[name]), sa.BigInteger) for name in _SUMS),
            )
            .group_by(*(n[name] for name in _GROUP), n.island, n.last_offset)
            .having(sa.func.count() > 1)
        )

    def _keeping(self) -> sa.Update:
        """Return the update that makes the last load's row stand for its whole range."""
        c, f = self._loads.c, rows_of("folded", _FOLDED).c
        return (
            sa.update(self._loads)
            .where(c.pipeline == sa.bindparam("of", required=True))
            .where(c.load_id == f.load_id, c.topic == f.topic, c.partition == f.partition)
            .values(start_offset=f.first_offset, **{name: f[name] for name in _SUMS})
        )

    def _dropping(self) -> sa.Delete:
        """Return the delete of the rows that the kept ones stand for."""
        c, f = self._loads.c, rows_of("folded", _FOLDED).c
        return sa.delete(self._loads).where(
            c.pipeline == sa.bindparam("of", required=True),
            c.load_id != f.load_id,
            *(c[name] == f[name] for name in _GROUP),
            c.start_offset >= f.first_offset,
            c.stop_offset <= f.last_offset,
            sa.not_(c.lost),
        )

    def _forgetting(self) -> sa.Delete:
        newest = sa.select(sa.func.max(self._schemas.c.version)).scalar_subquery()
        kept = sa.bindparam("kept", required=True, type_=sa.BigInteger())
        return sa.delete(self._schemas).where(self._schemas.c.version <= newest - kept)
