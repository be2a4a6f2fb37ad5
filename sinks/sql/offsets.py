"""Statements on `_hr_offsets`: where partitions stand, and who may move them. Pure; the sink sends them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa

from checkpoints import Checkpoint, Known, Partition, Position
from sinks.sql import ddl
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, Template, by_column, render, rows_of, template
from sinks.sql.system import KEYS, OFFSETS, TABLES

_PLACE: Final[Mapping[str, Any]] = {"topic": sa.Text, "partition": sa.BigInteger}
_START: Final[Mapping[str, Any]] = {**_PLACE, "next_offset": sa.BigInteger, "origin": sa.Text}
_MOVE: Final[Mapping[str, Any]] = {**_PLACE, "since": sa.BigInteger, "upto": sa.BigInteger}


class Offsets:
    """The positions of one dataset, and one method for each statement that reads or moves them."""

    def __init__(self, dialect: Dialect, dataset: str) -> None:
        self._offsets = ddl.table_of(dialect, dataset, TABLES[OFFSETS], KEYS[OFFSETS])

    def positions(self, pipeline: str) -> Statement:
        """Return the query for topic, partition, next offset and origin of all partitions of `pipeline`."""
        o = self._offsets.c
        return render(sa.select(o.topic, o.partition, o.next_offset, o.origin).where(o.pipeline == pipeline))

    def next_epoch(self, pipeline: str) -> Statement:
        """Return the query for an epoch above all that `pipeline` has had."""
        o = self._offsets.c
        return render(sa.select(sa.func.coalesce(sa.func.max(o.epoch), 0) + 1).where(o.pipeline == pipeline))

    def adopt(self, pipeline: str, topic: str, origin: str) -> Statement:
        """Return the update that gives an origin to the partitions of `topic` that were stored without one."""
        o = self._offsets.c
        unknown = (o.pipeline == pipeline) & (o.topic == topic) & (o.origin == "")
        return render(sa.update(self._offsets).where(unknown).values(origin=origin))

    def remember(self, pipeline: str, starts: Mapping[Partition, int], origins: Mapping[str, str]) -> Statement:
        """Return the insert of partitions that are not stored yet: at `starts`, owned by nobody."""
        rows = [(p.topic, p.number, start, origins.get(p.topic, "")) for p, start in starts.items()]
        return self._remember.fill(pipeline=pipeline, **by_column(_START, rows))

    def take(self, pipeline: str, partitions: Collection[Partition], epoch: int, owner: str) -> Statement:
        """Return the update that gives `partitions` to `owner`; it returns topic, partition, next offset, attempts."""
        rows = [(p.topic, p.number) for p in partitions]
        columns = by_column(_PLACE, rows)
        return self._take.fill(of=pipeline, claimed=epoch, claimant=owner, **columns)

    def advance(self, step: Checkpoint) -> Statement:
        """Return the compare-and-set of all partitions of `step`; it returns topic and partition of those it moved.

        Attempts end only where the position really moved: a neighbour's progress says nothing of a poisoned partition.
        """
        rows = [(p.topic, p.number, since, step.upto.next[p]) for p, since in step.since.next.items()]
        return self._advance.fill(of=step.pipeline, claimed=step.epoch, **by_column(_MOVE, rows))

    @cached_property
    def _remember(self) -> Template:
        start = rows_of("start", _START)
        values = {
            "pipeline": sa.bindparam("pipeline", required=True, type_=sa.Text()),
            **{name: start.c[name] for name in _START},
            "epoch": sa.literal(0),
            "owner": sa.literal(""),
            "attempts": sa.literal(0),
            "updated_at": sa.func.now(),
        }
        return template(sa.insert(self._offsets).from_select(list(values), sa.select(*values.values())))

    @cached_property
    def _take(self) -> Template:
        o, taken = self._offsets.c, rows_of("taken", _PLACE)
        claimant: sa.BindParameter[str] = sa.bindparam("claimant", required=True)
        inherited = (o.owner != "") & (o.owner != claimant)
        return template(
            sa.update(self._offsets)
            .where(o.pipeline == sa.bindparam("of", required=True))
            .where(o.topic == taken.c.topic, o.partition == taken.c.partition)
            .values(
                epoch=sa.bindparam("claimed", required=True),
                owner=claimant,
                attempts=sa.case((inherited, o.attempts + 1), else_=o.attempts),
                updated_at=sa.func.now(),
            )
            .returning(o.topic, o.partition, o.next_offset, o.attempts)
        )

    @cached_property
    def _advance(self) -> Template:
        o, move = self._offsets.c, rows_of("move", _MOVE)
        return template(
            sa.update(self._offsets)
            .where(
                o.pipeline == sa.bindparam("of", required=True),
                o.topic == move.c.topic,
                o.partition == move.c.partition,
                o.next_offset == move.c.since,
                o.epoch == sa.bindparam("claimed", required=True),
                o.owner != "",  # remembered, never claimed: nobody may move it
            )
            .values(
                next_offset=move.c.upto,
                attempts=sa.case((move.c.upto > move.c.since, 0), else_=o.attempts),
                updated_at=sa.func.now(),
            )
            .returning(o.topic, o.partition)
        )


def known(rows: Collection[tuple[str, int, int, str]], topics: Collection[str] | None = None) -> Known:
    """Return the answer to `Ledger.positions` as a value, of `topics` only when given."""
    wanted = [row for row in rows if topics is None or row[0] in topics]
    position = Position({Partition(topic, number): offset for topic, number, offset, _ in wanted})
    return Known(position, {topic: origin for topic, _, _, origin in wanted if origin})
