"""Statements that merge staged rows into a table: pure. `rows` and `deletes` are the names of what is staged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from sinks.merging import (
    DELETED_AT,
    LOAD_ID,
    OFFSET,
    PARTITION,
    ROOT_ID,
    ROW_ID,
    TIME,
    deletes_of,
    merge_of,
    order_columns,
    remembered_of,
)
from sinks.schema import Table
from sinks.sql.statement import Statement, literal_name, quoted, render
from sinks.write import REMEMBERED_DAYS, Merge

Condition: TypeAlias = sa.ColumnElement[bool]

PLACE: Final = "place"

_ONE: Final[sa.ColumnClause[Any]] = sa.literal_column("1")
_ROWID: Final = "rowid"  # as DuckDB calls the place of a row; good for one transaction


@dataclass(frozen=True)
class MergeSql:
    """The statements of one root table; `brought` are the columns that the staged rows have."""

    dataset: str
    table: Table
    rows: str
    deletes: str
    brought: tuple[str, ...]

    @property
    def write(self) -> Merge:
        """Return how the table merges."""
        return merge_of(self.table)

    @cached_property
    def _target(self) -> sa.TableClause:
        return _relation(self.table.name, dict.fromkeys((*self.table.columns, _ROWID)), self.dataset)

    @cached_property
    def _rows(self) -> sa.TableClause:
        return _relation(self.rows, self.brought)

    @cached_property
    def _deletes(self) -> sa.TableClause:
        return _relation(self.deletes, deletes_of(self.table).columns)

    @cached_property
    def _remembered(self) -> sa.TableClause:
        remembered = remembered_of(self.table)
        return _relation(remembered.name, remembered.columns, self.dataset)

    def upsert(self) -> Statement:
        """Return the insert of staged rows, in the order of their keys, over older rows of the same key."""
        ordered = sa.select(*self._rows.c).order_by(*(self._rows.c[name] for name in self.write.key))
        statement = insert(self._target).from_select(list(self.brought), ordered)
        if self.write.strategy == "insert-only":
            return render(
                statement.on_conflict_do_nothing(index_elements=[self._target.c[name] for name in self.write.key])
            )
        changed = {name: statement.excluded[name] for name in self.table.columns if name not in self.write.key}
        older = sa.not_(self._newer(self._target, statement.excluded))
        return render(
            statement.on_conflict_do_update(
                index_elements=[self._target.c[name] for name in self.write.key], set_=changed, where=older
            )
        )

    def insert(self) -> Statement:
        """Return the plain insert of staged rows."""
        return render(sa.insert(self._target).from_select(list(self.brought), sa.select(*self._rows.c)))

    def stored(self) -> Statement:
        """Return the query for the places of stored rows of staged keys, each with the staged row's id if it stays."""
        stays = sa.true() if self.write.strategy == "insert-only" else self._newer(self._target, self._rows)
        return self._stored(self._rows, stays)

    def stored_deleted(self) -> Statement:
        """Return the query for the places of stored rows of staged deletes, each with the delete's id if it stays."""
        return self._stored(self._deletes, self._newer(self._target, self._deletes))

    def _stored(self, staged: sa.TableClause, stays: Condition) -> Statement:
        overruled = sa.case((stays, staged.c[ROW_ID]))
        places = sa.select(self._target.c[_ROWID], overruled)
        return render(places.select_from(staged).join(self._target, self._same_key(staged)))

    def overruled(self) -> Statement:
        """Return the query for the row ids of staged rows that a remembered delete is newer than."""
        rows, remembered = self._rows, self._remembered
        joined = sa.select(rows.c[ROW_ID]).join(remembered, remembered.c[ROW_ID] == rows.c[ROW_ID])
        return render(joined.where(self._newer(remembered, rows)))

    def hides_places(self) -> Statement:
        """Return the query that gives a row when a column of the table has the name that the places of rows have."""
        columns = sa.func.pragma_table_info(literal_name(self.dataset, self.table.name)).table_valued("name")
        return render(sa.select(_ONE).select_from(columns).where(sa.func.lower(columns.c.name) == _ROWID))

    def delete_at(self, places: str) -> Statement:
        """Return the delete of stored rows at places that are staged as `places`."""
        staged: sa.Select[Any] = sa.select(sa.column(quoted(PLACE))).select_from(_relation(places, (PLACE,)))
        return render(sa.delete(self._target).where(self._target.c[_ROWID].in_(staged)))

    def overruled_deletes(self) -> Statement:
        """Return the query for the row ids of staged deletes that a remembered delete is newer than."""
        deletes, remembered = self._deletes, self._remembered
        joined = sa.select(deletes.c[ROW_ID]).join(remembered, remembered.c[ROW_ID] == deletes.c[ROW_ID])
        return render(joined.where(self._newer(remembered, deletes)))

    def drop_deleted_rows(self) -> Statement:
        """Return the delete of staged rows that a remembered delete is newer than; it returns their row ids."""
        rows, remembered = self._rows, self._remembered
        older = (remembered.c[ROW_ID] == rows.c[ROW_ID]) & self._newer(remembered, rows)
        return render(sa.delete(rows).where(older).returning(rows.c[ROW_ID]))

    def drop_lost_rows(self) -> Statement:
        """Return the delete of staged rows that are not the stored ones after the upsert; it returns their row ids."""
        rows, target = self._rows, self._target
        lost = self._same_key(rows) & (target.c[LOAD_ID] != rows.c[LOAD_ID])
        return render(sa.delete(rows).where(lost).returning(rows.c[ROW_ID]))

    def has_remembered(self) -> Statement:
        """Return the query that gives a row when any delete is remembered."""
        return render(sa.select(_ONE).select_from(self._remembered).limit(1))

    def delete_replaced(self) -> Statement:
        """Return the delete of stored rows whose key a staged row has."""
        return render(sa.delete(self._target).where(self._same_key(self._rows)))

    def delete(self) -> Statement:
        """Return the delete of the rows that staged deletes name, or the update that marks them, where not newer."""
        deletes, target = self._deletes, self._target
        gone = self._same_key(deletes) & sa.not_(self._newer(target, deletes))
        if self.write.soft_delete is None:
            return render(sa.delete(target).where(gone))
        marked = (self.write.soft_delete, LOAD_ID, *order_columns(self.table))
        return render(sa.update(target).where(gone).values({name: deletes.c[name] for name in marked}))

    def remember(self) -> Statement:
        """Return the insert that remembers the staged deletes."""
        return render(self._remember())

    def remember_newer(self) -> Statement:
        """Return the insert that remembers the staged deletes, over older ones of the same key."""
        statement = self._remember()
        changed = {name: statement.excluded[name] for name in (*order_columns(self.table), DELETED_AT)}
        older = sa.not_(self._newer(self._remembered, statement.excluded))
        return render(
            statement.on_conflict_do_update(index_elements=[self._remembered.c[ROW_ID]], set_=changed, where=older)
        )

    def _remember(self) -> Any:
        names = (ROW_ID, *order_columns(self.table))
        found = sa.select(*(self._deletes.c[name] for name in names), sa.func.now()).order_by(self._deletes.c[ROW_ID])
        return insert(self._remembered).from_select([*names, DELETED_AT], found)

    def replace_remembered(self) -> Statement:
        """Return the delete of remembered deletes that staged ones replace."""
        remembered = self._remembered
        return render(sa.delete(remembered).where(remembered.c[ROW_ID] == self._deletes.c[ROW_ID]))

    def forget(self) -> Statement:
        """Return the delete of what was remembered for long enough."""
        remembered = self._remembered
        days: sa.ColumnClause[Any] = sa.literal_column(f"INTERVAL '{REMEMBERED_DAYS} days'")
        return render(sa.delete(remembered).where(remembered.c[DELETED_AT] < sa.func.now() - days))

    def doubled_keys(self, limit: int) -> Statement:
        """Return the query for an id and the number of rows of each key that more than one row has."""
        target = self._target
        found = sa.select(sa.func.min(target.c[ROW_ID]), sa.func.count())
        by_key = found.group_by(*(target.c[name] for name in self.write.key))
        return render(by_key.having(sa.func.count() > sa.literal_column("1")).limit(limit))

    def undeleted(self, limit: int) -> Statement:
        """Return the query for the ids of stored rows that a remembered delete is newer than."""
        target, remembered = self._target, self._remembered
        older = (remembered.c[ROW_ID] == target.c[ROW_ID]) & self._newer(remembered, target)
        return render(sa.select(target.c[ROW_ID]).select_from(target).join(remembered, older).limit(limit))

    def delete_children(self, child: Table) -> Statement:
        """Return the delete of the child rows of all staged rows."""
        return render(sa.delete(below := self._child(child)).where(below.c[ROOT_ID] == self._rows.c[ROW_ID]))

    def delete_orphans(self, child: Table) -> Statement:
        """Return the delete of the child rows of staged deletes, once their root row is gone."""
        deletes, target = self._deletes, self._target
        stays = sa.exists(sa.select(_ONE).select_from(target).where(self._same_key(deletes)))
        below = self._child(child)
        return render(sa.delete(below).where(below.c[ROOT_ID] == deletes.c[ROW_ID], sa.not_(stays)))

    def _child(self, child: Table) -> sa.TableClause:
        return _relation(child.name, (ROOT_ID,), self.dataset)

    def _same_key(self, staged: sa.TableClause) -> Condition:
        return sa.and_(*(self._target.c[name] == staged.c[name] for name in self.write.key))

    def _newer(self, one: Any, other: Any) -> Condition:
        """Return the condition that `one` is known to be newer than `other`: false where nothing tells."""
        columns = one.c if isinstance(one, sa.TableClause) else one
        others = other.c if isinstance(other, sa.TableClause) else other
        newer = _newer_in_source(columns, others) if OFFSET in self.table.columns else sa.false()
        for by in reversed([by for by in self.write.sort if by.column in self.table.columns]):
            mine, theirs = columns[by.column], others[by.column]
            greater = mine < theirs if by.lowest else mine > theirs
            beyond = greater | (mine.is_not(None) & theirs.is_(None))
            newer = beyond | (mine.is_not_distinct_from(theirs) & newer)
        return sa.func.coalesce(newer, sa.false())


def _newer_in_source(mine: Any, theirs: Any) -> Condition:
    """Within a partition the offset tells, else Kafka's timestamp, and between equal ones the partition."""
    later = (mine[TIME] > theirs[TIME]) | ((mine[TIME] == theirs[TIME]) & (mine[PARTITION] > theirs[PARTITION]))
    return sa.case((mine[PARTITION] == theirs[PARTITION], mine[OFFSET] > theirs[OFFSET]), else_=later)


def _relation(name: str, columns: Iterable[str], schema: str | None = None) -> sa.TableClause:
    fields: list[sa.ColumnClause[Any]] = [sa.column(quoted(column)) for column in columns]
    return sa.table(quoted(name), *fields, schema=quoted(schema) if schema else None)
