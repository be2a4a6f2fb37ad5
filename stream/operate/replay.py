"""Rejects loaded again after a fix: each becomes a row in the same commit in which it ceases to be a reject."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from checkpoints import OffsetRange, Partition
from sinks import Batch, Sink
from sinks.audit import Audit, RejectFilter
from sinks.ledger import RejectRow
from stream.evolve import Evolved
from stream.model import PartitionRecords, RawBatch
from stream.operate.shaping import Shaper
from stream.runtime.ids import LoadIds
from stream.runtime.rejects import by_record

AT_ONCE: Final = 500
CUT: Final = "cut"  # its value was too large to be kept whole: what is left of it is another value
NO_ROW: Final = "no_row"  # what is kept of it makes none: its bytes were withheld, or it is skipped now
_PARTITION: Final = "_kafka_partition"
_OFFSET: Final = "_kafka_offset"

_Place = tuple[str, int, int]


@dataclass(slots=True)
class Replayed:
    """How many rejects became rows, and how many are rejects still, by reason."""

    rows: int = 0
    still: dict[str, int] = field(default_factory=dict)


class Replay:
    """Loads rejects of one pipeline again, some hundred in a commit. Exactly once itself: see `Audit.replay`."""

    def __init__(self, shaper: Shaper, sink: Sink, audit: Audit, new_load_id: LoadIds) -> None:
        self._shaper = shaper
        self._sink = sink
        self._audit = audit
        self._new_load_id = new_load_id

    async def run(self, which: RejectFilter, *, do_it: bool) -> Replayed:
        """Load what can be loaded by now; without `do_it` only tell what could."""
        done = Replayed()
        async for some in pages(self._audit, which, AT_ONCE):
            whole = kept_whole(some)
            if len(whole) < len(some):
                done.still[CUT] = done.still.get(CUT, 0) + len(some) - len(whole)
            for _, of_topic in groupby(whole, lambda row: row.topic):
                await self._replay(list(of_topic), done, do_it=do_it)
        return done

    async def _replay(self, some: Sequence[RejectRow], done: Replayed, *, do_it: bool) -> None:
        raw = _as_read(some)
        load_id = self._new_load_id()
        shaped = await self._shaper.shape(raw, await self._sink.schema(), load_id)
        evolved = shaped.evolved
        out = {(r.partition.topic, r.partition.number, r.offset): str(r.reason) for r in shaped.decoded.rejects}
        for misfits in (shaped.settled.refused, evolved.discarded):
            for (partition, offset), misfit in by_record(raw, misfits, self._shaper.incarnations).items():
                out[partition.topic, partition.number, offset] = str(misfit.reason)
        made = _rows_made(evolved)
        for partition, offset in by_record(raw, shaped.settled.refused, self._shaper.incarnations):
            made.discard((partition.number, offset))
        fit = [row for row in some if (row.partition, row.offset) in made]
        for row in some:
            if (row.partition, row.offset) not in made:
                reason = out.get(_place(row), NO_ROW)
                done.still[reason] = done.still.get(reason, 0) + 1
        done.rows += len(fit)
        if fit and do_it:
            if evolved.plan:
                await self._sink.apply(evolved.plan)
            loaded = shaped.settled
            batch = Batch(loaded.tables, (), evolved.plan.target.version, loaded.deletes)
            await self._audit.replay(batch, fit, load_id)


def kept_whole(some: Sequence[RejectRow]) -> Sequence[RejectRow]:
    """Return the rejects of whose value not only the beginning was kept."""
    return [row for row in some if row.value_bytes is None]


async def pages(audit: Audit, which: RejectFilter, size: int) -> AsyncIterator[Sequence[RejectRow]]:
    """Yield all rejects that a filter means, in their order, some at a time."""
    after: _Place | None = None
    while some := await audit.rejects(which, after=after, limit=size):
        yield some
        after = _place(some[-1])


def _rows_made(evolved: Evolved) -> set[tuple[object, object]]:
    """Return partition and offset of each record of one topic that became a row."""
    roots = [table for table in evolved.tables.values() if _OFFSET in table.column_names]
    return {
        place
        for table in roots
        for place in zip(table[_PARTITION].to_pylist(), table[_OFFSET].to_pylist(), strict=True)
    }


def _as_read(some: Sequence[RejectRow]) -> RawBatch:
    """Return rejects as the records they were; each range ends behind its last record."""
    parts = []
    for (topic, number), group in groupby(some, lambda row: (row.topic, row.partition)):
        rows = list(group)
        range = OffsetRange(Partition(topic, number), rows[0].offset, rows[-1].offset + 1)
        parts.append(
            PartitionRecords(
                range,
                [row.offset for row in rows],
                [_milliseconds(row.timestamp) for row in rows],
                [row.key for row in rows],
                [row.value for row in rows],
                [()] * len(rows),
            )
        )
    return RawBatch(tuple(parts))


def _milliseconds(at: datetime | None) -> int:
    return -1 if at is None else round(at.timestamp() * 1000)


def _place(row: RejectRow) -> _Place:
    return row.topic, row.partition, row.offset
