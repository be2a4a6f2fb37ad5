"""Statements that put staged events into the history of their keys: pure.

One statement works out what changes: it lays the stored versions, the noted events and the staged ones of each key in
order, and writes down what becomes of each row, as a list of moves. The others carry out all moves of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa

from sinks.history import (
    CONTENT,
    NOTED_AT,
    VALID_FROM,
    VALID_TO,
    closings_of,
    event_columns,
    history_of,
    noted_of,
    tells_time,
    version_key,
)
from sinks.merging import LOAD_ID, OFFSET, PARTITION, ROOT_ID, ROW_ID, TIME
from sinks.schema import TEXT, TIMESTAMP, Column, Table
from sinks.sql.statement import Statement, quoted, render
from sinks.write import REMEMBERED_DAYS

Move: TypeAlias = Literal["open", "note", "close", "fold", "reopen", "shift"]
"""What becomes of a row: a staged event opens a version or is noted; a version closes elsewhere, or folds into an
earlier one and is noted; a noted event opens a version after all, or its time shifts."""

_MOVE: Final = "move"
_SINCE: Final = "since"
_UNTIL: Final = "until"
_SOURCE: Final = "copied_from"
_ORIGIN: Final = "origin"

_STORED: Final[sa.ColumnClause[Any]] = sa.literal_column("0")
_NOTED: Final[sa.ColumnClause[Any]] = sa.literal_column("1")
_ONE: Final[sa.ColumnClause[Any]] = sa.literal_column("1")
_STAGED: Final[sa.ColumnClause[Any]] = sa.literal_column("2")


def moves_of(table: Table) -> Table:
    """Return the temporary table that takes the moves of one batch for `table`."""
    columns = [table.columns[name] for name in history_of(table).key]
    texts = [Column(name, TEXT) for name in (ROW_ID, CONTENT, _MOVE, _SOURCE)]
    times = [Column(name, TIMESTAMP) for name in (_SINCE, _UNTIL)]
    shape = repr([table.name, [(column.name, str(column.type)) for column in columns]])
    name = f"hr_moves_{blake2b(shape.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
    return Table(name, {column.name: column for column in (*columns, *texts, *times)})


@dataclass(frozen=True)
class HistorySql:
    """The statements of one root table; `brought` are the columns that the staged rows have."""

    dataset: str
    table: Table
    rows: str
    closings: str
    brought: tuple[str, ...]

    @property
    def _key(self) -> tuple[str, ...]:
        return history_of(self.table).key

    @cached_property
    def _target(self) -> sa.TableClause:
        return _relation(self.table.name, self.table.columns, self.dataset)

    @cached_property
    def _noted(self) -> sa.TableClause:
        noted = noted_of(self.table)
        return _relation(noted.name, noted.columns, self.dataset)

    @cached_property
    def _rows(self) -> sa.TableClause:
        return _relation(self.rows, self.brought)

    @cached_property
    def _closings(self) -> sa.TableClause:
        return _relation(self.closings, closings_of(self.table).columns)

    @cached_property
    def _moves(self) -> sa.TableClause:
        moves = moves_of(self.table)
        return _relation(moves.name, moves.columns)

    def find_moves(self) -> Statement:
        """Return the insert of what becomes of each row, staged, stored or noted, whose key is among the staged."""
        found = self._judged()
        c = found.c
        changed = sa.or_(c[VALID_FROM].is_distinct_from(c[_SINCE]), c[VALID_TO].is_distinct_from(c[_UNTIL]))
        move = sa.case(
            (c[_ORIGIN] == _STAGED, sa.case((c.opens, _text("open")), else_=_text("note"))),
            (c[_ORIGIN] == _NOTED, sa.case((c.opens, _text("reopen")), else_=_text("shift"))),
            else_=sa.case((c.opens, _text("close")), else_=_text("fold")),
        )
        stays = sa.or_(
            sa.and_(c[_ORIGIN] == _STORED, c.opens, sa.not_(changed)),
            sa.and_(c[_ORIGIN] == _NOTED, sa.not_(c.opens), c[VALID_FROM].is_not_distinct_from(c[_SINCE])),
        )
        chosen = [*(c[name] for name in (*self._key, ROW_ID, CONTENT)), move, c[_SINCE], c[_UNTIL]]
        names = [*self._key, ROW_ID, CONTENT, _MOVE, _SINCE, _UNTIL]
        return render(sa.insert(self._moves).from_select(names, sa.select(*chosen).where(sa.not_(stays))))

    def kinds(self) -> Statement:
        """Return the query for the kinds of moves that there are."""
        return render(sa.select(self._moves.c[_MOVE]).distinct())

    def noted_rows(self) -> Statement:
        """Return the query for the row ids of staged rows that open no version."""
        return render(sa.select(self._rows.c[ROW_ID]).where(self._moved(self._rows, "note")))

    def open(self) -> Statement:
        """Return the insert of the staged rows that open a version."""
        columns = [self._rows.c[name] for name in self.brought if name not in (VALID_FROM, VALID_TO)]
        names = [column.name for column in columns]
        moved = sa.select(*columns, self._moves.c[_SINCE], self._moves.c[_UNTIL])
        moved = moved.where(self._moved(self._rows, "open"))
        return render(sa.insert(self._target).from_select([*names, VALID_FROM, VALID_TO], moved))

    def close(self) -> Statement:
        """Return the update of stored versions that are valid from, or until, another instant."""
        times = {VALID_FROM: self._moves.c[_SINCE], VALID_TO: self._moves.c[_UNTIL]}
        return render(sa.update(self._target).where(self._moved(self._target, "close")).values(times))

    def shift(self) -> Statement:
        """Return the update of noted events whose time is another one."""
        times = {VALID_FROM: self._moves.c[_SINCE]}
        return render(sa.update(self._noted).where(self._moved(self._noted, "shift")).values(times))

    def note_rows(self) -> Statement:
        """Return the insert that notes the staged rows that open no version."""
        return self._note(self._rows, "note")

    def note_closings(self) -> Statement:
        """Return the insert that notes the staged deletes."""
        return self._note(self._closings, "note")

    def note_folded(self) -> Statement:
        """Return the insert that notes the stored versions that fold into an earlier one."""
        return self._note(self._target, "fold")

    def _note(self, source: sa.TableClause, move: Move) -> Statement:
        names = [name for name in event_columns(self.table) if name != VALID_FROM]
        moved = sa.select(*(source.c[name] for name in names), self._moves.c[_SINCE], sa.func.now())
        statement = sa.insert(self._noted).from_select(
            [*names, VALID_FROM, NOTED_AT], moved.where(self._moved(source, move))
        )
        return render(statement)

    def delete_folded(self) -> Statement:
        """Return the delete of the versions that fold into an earlier one."""
        return render(sa.delete(self._target).where(self._moved(self._target, "fold")))

    def delete_folded_children(self, child: Table) -> Statement:
        """Return the delete of the child rows of versions that fold into an earlier one."""
        below, moves = _relation(child.name, (ROOT_ID,), self.dataset), self._moves
        return render(sa.delete(below).where(below.c[ROOT_ID] == moves.c[ROW_ID], moves.c[_MOVE] == _text("fold")))

    def find_sources(self) -> Statement:
        """Return the update that tells of each noted event that opens a version which stored version it repeats."""
        target, moves = self._target, self._moves
        alike = sa.and_(*(target.c[name] == moves.c[name] for name in self._key), target.c[CONTENT] == moves.c[CONTENT])
        source = sa.select(sa.func.min(target.c[ROW_ID])).where(alike).scalar_subquery()
        return render(sa.update(moves).where(moves.c[_MOVE] == _text("reopen")).values({_SOURCE: source}))

    def reopen(self) -> Statement:
        """Return the insert of a version for each noted event that opens one: with the content that it repeats."""
        target, moves, noted = self._target, self._moves, self._noted
        own = {name for name in event_columns(self.table) if name in noted.c}
        times = {VALID_FROM: moves.c[_SINCE], VALID_TO: moves.c[_UNTIL]}
        columns = [times.get(n, noted.c[n] if n in own else target.c[n]) for n in self.table.columns]
        same = sa.and_(*(target.c[name] == moves.c[name] for name in self._key), target.c[ROW_ID] == moves.c[_SOURCE])
        chosen = sa.select(*columns).where(self._moved(noted, "reopen"), same)
        return render(sa.insert(target).from_select(list(self.table.columns), chosen))

    def reopen_children(self, child: Table) -> Statement:
        """Return the insert of copies of the child rows that noted events repeat, under ids of their own."""
        below, moves = _relation(child.name, child.columns, self.dataset), self._moves
        columns = [_renamed(below.c[n], moves) if n in _IDS else below.c[n] for n in child.columns]
        copied = sa.and_(moves.c[_MOVE] == _text("reopen"), below.c[ROOT_ID] == moves.c[_SOURCE])
        return render(sa.insert(below).from_select(list(child.columns), sa.select(*columns).where(copied)))

    def drop_reopened(self) -> Statement:
        """Return the delete of noted events that have opened a version."""
        return render(sa.delete(self._noted).where(self._moved(self._noted, "reopen")))

    def forget(self) -> Statement:
        """Return the delete of what was noted for long enough, except deletes that close a version."""
        noted, target = self._noted, self._target
        days: sa.ColumnClause[Any] = sa.literal_column(f"INTERVAL '{REMEMBERED_DAYS} days'")
        same = sa.and_(*(target.c[name] == noted.c[name] for name in self._key))
        closes = sa.exists(
            sa.select(_STORED).select_from(target).where(same, target.c[VALID_TO] == noted.c[VALID_FROM])
        )
        needless = noted.c[CONTENT].is_not(None) | sa.not_(closes)
        return render(sa.delete(noted).where(noted.c[NOTED_AT] < sa.func.now() - days, needless))

    def _moved(self, relation: sa.TableClause, move: Move) -> sa.ColumnElement[bool]:
        same = (relation.c[name] == self._moves.c[name] for name in version_key(self.table))
        return sa.and_(self._moves.c[_MOVE] == _text(move), *same)

    def _judged(self) -> sa.Subquery:
        """Return the events of all staged keys, with whether they open a version, from when, and until when."""
        placed = self._placed()
        c = placed.c
        by_key = [c[name] for name in self._key]
        opens = sa.and_(c[CONTENT].is_not(None), c[CONTENT].is_distinct_from(c.before))
        turns = opens | sa.and_(c[CONTENT].is_(None), c.before.is_not(None))
        until = sa.func.min(c[_SINCE]).filter(turns)
        until_later = until.over(partition_by=by_key, order_by=c.place.desc(), rows=(None, -1))
        kept = [c[name] for name in (*self._key, ROW_ID, CONTENT, _ORIGIN, VALID_FROM, VALID_TO, _SINCE)]
        return sa.select(*kept, opens.label("opens"), until_later.label(_UNTIL)).subquery("judged")

    def _placed(self) -> sa.CTE:
        """Return the events of all staged keys with their place in the order, and what was there before each."""
        c = self._timed().c
        key, order = [c[name] for name in self._key], self._order(c)
        return sa.select(
            *c,
            sa.func.row_number().over(partition_by=key, order_by=order).label("place"),
            sa.func.lag(c[CONTENT]).over(partition_by=key, order_by=order).label("before"),
            sa.func.max(c[VALID_FROM]).over(partition_by=key, order_by=order).label(_SINCE),
        ).cte("placed")

    def _timed(self) -> sa.CTE:
        """Return the events of all staged keys with their time: Kafka's may run backwards, offsets do not."""
        events = self._events()
        if OFFSET not in self.table.columns:
            return events
        c = events.c
        in_partition = [*(c[name] for name in self._key), c[PARTITION]]
        so_far = sa.func.max(c[TIME]).over(partition_by=in_partition, order_by=[c[OFFSET], c[ROW_ID]])
        return sa.select(*c, so_far.label("so_far")).cte("timed")

    def _order(self, c: Any) -> list[sa.ColumnElement[Any]]:
        """Return the order of events: see `sinks.write.Scd2`."""
        sort = [by for by in history_of(self.table).sort if by.column in self.table.columns]
        if tells_time(self.table):
            sort = sort[1:]
        columns = [c[VALID_FROM].asc()] if tells_time(self.table) else []
        columns += [(c[by.column].desc() if by.lowest else c[by.column].asc()).nulls_first() for by in sort]
        if OFFSET in self.table.columns:
            columns += [c[name].asc().nulls_first() for name in ("so_far", PARTITION, OFFSET)]
        return [*columns, c[LOAD_ID].asc().nulls_first(), c[ROW_ID].asc()]

    def _events(self) -> sa.CTE:
        names = event_columns(self.table)
        keys = [sa.select(*(staged.c[name] for name in self._key)) for staged in (self._rows, self._closings)]
        touched = sa.union(*keys).cte("touched")

        def stored(relation: sa.TableClause, origin: sa.ColumnClause[Any], until: Any) -> sa.Select[Any]:
            same = sa.and_(*(relation.c[name] == touched.c[name] for name in self._key))
            chosen = (relation.c[name] for name in names)
            return sa.select(*chosen, origin.label(_ORIGIN), until.label(VALID_TO)).join(touched, same)

        def staged(relation: sa.TableClause) -> sa.Select[Any]:
            chosen = (relation.c[name] for name in names)
            return sa.select(*chosen, _STAGED.label(_ORIGIN), _NEVER.label(VALID_TO))

        return sa.union_all(
            stored(self._target, _STORED, self._target.c[VALID_TO]),
            stored(self._noted, _NOTED, _NEVER),
            staged(self._rows),
            staged(self._closings),
        ).cte("events")


_IDS: Final = frozenset({ROW_ID, ROOT_ID, "_hr_parent_id"})
_NEVER: Final[sa.ColumnClause[Any]] = sa.literal_column("CAST(NULL AS TIMESTAMP WITH TIME ZONE)")


def _renamed(row_id: Any, moves: sa.TableClause) -> sa.ColumnElement[Any]:
    """Return the id of a copied row: that of its new root in front, or a hash where the old one does not begin so."""
    old, new = moves.c[_SOURCE], moves.c[ROW_ID]
    length = sa.func.length(old)
    rest = sa.func.substr(row_id, length + _ONE)
    begins = sa.func.substr(row_id, _ONE, length) == old
    return sa.case((begins, new.concat(rest)), else_=sa.func.md5(new.concat(row_id)))


def _text(value: str) -> sa.ColumnClause[Any]:
    return sa.literal_column(f"'{value}'")  # one of our own words: nothing of a user's comes here


def _relation(name: str, columns: Iterable[str] | Mapping[str, Any], schema: str | None = None) -> sa.TableClause:
    fields: list[sa.ColumnClause[Any]] = [sa.column(quoted(column)) for column in columns]
    return sa.table(quoted(name), *fields, schema=quoted(schema) if schema else None)
