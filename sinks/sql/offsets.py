"""Statements on `_hr_offsets`: where partitions stand, and who may move them. Pure; the sink sends them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from checkpoints import Checkpoint, Known, Partition, Position
from sinks.sql import ddl
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, chunked, quoted, render
from sinks.sql.system import KEYS, OFFSETS, TABLES

_PARTITION: Final[Mapping[str, Any]] = {"topic": sa.Text, "partition": sa.BigInteger}


class Offsets:
    """The positions of one dataset, and one method for each statement that reads or moves them.

    What speaks of partitions comes as one statement for each thousand of them, all for the same transaction.
    """

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

    def remember(
        self, pipeline: str, starts: Mapping[Partition, int], origins: Mapping[str, str]
    ) -> tuple[Statement, ...]:
        """Return the inserts of partitions that are not stored yet: at `starts`, owned by nobody."""
        rows = [
            {
                "pipeline": pipeline,
                "topic": partition.topic,
                "partition": partition.number,
                "next_offset": start,
                "epoch": 0,
                "owner": "",
                "attempts": 0,
                "origin": origins.get(partition.topic, ""),
                "updated_at": sa.func.now(),
            }
            for partition, start in starts.items()
        ]
        return tuple(render(sa.insert(self._offsets).values(some)) for some in chunked(rows))

    def adopt(self, pipeline: str, topic: str, origin: str) -> Statement:
        """Return the update that gives an origin to the partitions of `topic` that were stored without one."""
        o = self._offsets.c
        unknown = (o.pipeline == pipeline) & (o.topic == topic) & (o.origin == "")
        return render(sa.update(self._offsets).where(unknown).values(origin=origin))

    def take(self, pipeline: str, partitions: Collection[Partition], epoch: int, owner: str) -> tuple[Statement, ...]:
        """Return the updates that give `partitions` to `owner`; they return topic, partition, next offset, attempts."""
        rows = [(p.topic, p.number) for p in partitions]
        return tuple(self._take(pipeline, some, epoch, owner) for some in chunked(rows))

    def _take(self, pipeline: str, rows: Sequence[tuple[str, int]], epoch: int, owner: str) -> Statement:
        o = self._offsets.c
        taken = _values("taken", _PARTITION, rows)
        inherited = (o.owner != "") & (o.owner != owner)
        statement = (
            sa.update(self._offsets)
            .where(o.pipeline == pipeline, o.topic == taken.c.topic, o.partition == taken.c.partition)
            .values(
                epoch=epoch,
                owner=owner,
                attempts=sa.case((inherited, o.attempts + 1), else_=o.attempts),
                updated_at=sa.func.now(),
            )
            .returning(o.topic, o.partition, o.next_offset, o.attempts)
        )
        return render(statement)

    def advance(self, step: Checkpoint) -> tuple[Statement, ...]:
        """Return the compare-and-set of all partitions of `step`; it returns topic and partition of those it moved.

        Attempts end only where the position really moved: a neighbour's progress says nothing of a poisoned partition.
        """
        rows = [(p.topic, p.number, since, step.upto.next[p]) for p, since in step.since.next.items()]
        return tuple(self._advance(step.pipeline, some, step.epoch) for some in chunked(rows))

    def _advance(self, pipeline: str, rows: Sequence[tuple[str, int, int, int]], epoch: int) -> Statement:
        o = self._offsets.c
        move = _values("move", {**_PARTITION, "since": sa.BigInteger, "upto": sa.BigInteger}, rows)
        statement = (
            sa.update(self._offsets)
            .where(
                o.pipeline == pipeline,
                o.topic == move.c.topic,
                o.partition == move.c.partition,
                o.next_offset == move.c.since,
                o.epoch == epoch,
                o.owner != "",  # remembered, never claimed: nobody may move it
            )
            .values(
                next_offset=move.c.upto,
                attempts=sa.case((move.c.upto > move.c.since, 0), else_=o.attempts),
                updated_at=sa.func.now(),
            )
            .returning(o.topic, o.partition)
        )
        return render(statement)


def known(rows: Collection[tuple[str, int, int, str]], topics: Collection[str] | None = None) -> Known:
    """Return the answer to `Ledger.positions` as a value, of `topics` only when given."""
    wanted = [row for row in rows if topics is None or row[0] in topics]
    position = Position({Partition(topic, number): offset for topic, number, offset, _ in wanted})
    return Known(position, {topic: origin for topic, _, _, origin in wanted if origin})


def _values(name: str, columns: Mapping[str, Any], rows: Sequence[tuple[Any, ...]]) -> sa.Values:
    return sa.values(*(sa.column(quoted(c), kind) for c, kind in columns.items()), name=quoted(name)).data(list(rows))
