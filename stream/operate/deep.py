"""Values compared: each event read again, made into rows as the service makes them, and held against the tables."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from checkpoints import OffsetRange, Partition
from sinks import Schema
from sinks.audit import Audit, TopicScope
from stream.model import PartitionRecords, RawBatch
from stream.operate.newest_events import NewestEvents
from stream.operate.report import Findings
from stream.operate.shaping import Shaper
from stream.source.log_reader import LogReader

ROWS_AT_ONCE: Final = 20_000  # records whose rows are in memory at once; tables are scanned for each such part
_LOAD_ID: Final = "_hr_load_id"
_ROW_ID: Final = "_hr_id"
_OFFSET: Final = "_kafka_offset"

_Rows = Mapping[Any, Mapping[str, Any]]


class DeepCheck:
    """Compares the values of one topic at a time.

    `newest` takes all events of a table that merges, but those `rejected`, by partition.
    """

    def __init__(
        self,
        audit: Audit,
        schema: Schema,
        shaper: Shaper,
        reader: LogReader,
        findings: Findings,
        newest: NewestEvents | None = None,
        rejected: Mapping[int, Set[int]] = MappingProxyType({}),
    ) -> None:
        self._audit = audit
        self._schema = schema
        self._reader = reader
        self._findings = findings
        self._shaper = shaper
        self._newest = newest
        self._rejected = rejected

    async def run(
        self, scope: TopicScope, partition: Partition, start: int, stop: int, sample: float, seed: int
    ) -> None:
        """Compare `start`..`stop` of a partition, or a `sample` of it. What a table lacks is told only of children."""
        if start >= stop or scope.table is None:
            return
        chance = random.Random(f"{seed} {partition}")  # noqa: S311  # a sample, no secret
        async for part in self._reader.records(OffsetRange(partition, start, stop)):
            for piece in _pieces(part):
                chosen = sample >= 1 or chance.random() < sample
                if chosen or self._newest is not None:
                    await self._look(scope, piece, compare=chosen)

    async def keys(self, scope: TopicScope, partition: Partition, start: int, stop: int) -> Set[str]:
        """Return the ids of the rows of a table that merges that events of a partition make or delete."""
        found: set[str] = set()
        async for part in self._reader.records(OffsetRange(partition, start, stop)):
            for piece in _pieces(part):
                settled = (await self._shaper.shape(RawBatch((piece,)), self._schema, "verify")).settled
                for tables in (settled.tables, settled.deletes):
                    if (rows := tables.get(scope.table or "")) is not None:
                        ids: list[Any] = rows[_ROW_ID].to_pylist()
                        found.update(ids)
        return found

    async def _look(self, scope: TopicScope, piece: PartitionRecords, *, compare: bool) -> None:
        partition = piece.range.partition
        rejected = self._rejected.get(partition.number, frozenset())
        raw = RawBatch((piece,)).without([(partition, offset) for offset in piece.offsets if offset in rejected])
        shaped = await self._shaper.shape(raw, self._schema, "verify")
        if self._newest is not None:
            self._newest.add(shaped.settled)
        if compare:
            await self._compare(scope, piece, shaped.settled.tables)

    async def _compare(self, scope: TopicScope, piece: PartitionRecords, tables: Mapping[str, pa.Table]) -> None:
        held = await self._audit.rows(scope, piece.range)
        of_rows = {row_id for row_id, _ in _roots(tables, scope.table) & _roots(held, scope.table)}
        for name, table in tables.items():
            is_root = name == scope.table
            key = _OFFSET if is_root else _ROW_ID
            wanted, found = _by(key, table), _by(key, held[name]) if name in held else {}
            self._tell_altered(name, piece, wanted, found)
            if not is_root:
                self._tell_lost(name, piece, _under(wanted, of_rows), found)
        if self._newest is not None:
            self._tell_strangers(piece, tables, held, of_rows)

    def _tell_altered(self, name: str, piece: PartitionRecords, wanted: _Rows, found: _Rows) -> None:
        altered: dict[str, list[str]] = {}
        for key, row in wanted.items():
            if key in found and (columns := _differing(row, found[key])):
                altered[str(row[_ROW_ID])] = columns
        if altered:
            columns = sorted({column for some in altered.values() for column in some})
            text = f"{name}: values of {len(altered)} rows are not those of their events, in {', '.join(columns[:5])}"
            self._findings.add(
                "altered", piece.range.partition, piece.range.start, piece.range.stop, text, sorted(altered)
            )

    def _tell_lost(self, name: str, piece: PartitionRecords, wanted: list[str], found: _Rows) -> None:
        if lost := sorted(row_id for row_id in wanted if row_id not in found):
            text = f"{name}: {len(lost)} rows of lists are not there"
            self._findings.add("child_lost", piece.range.partition, piece.range.start, piece.range.stop, text, lost)

    def _tell_strangers(
        self, piece: PartitionRecords, tables: Mapping[str, pa.Table], held: Mapping[str, pa.Table], roots: Set[object]
    ) -> None:
        """Tell of child rows that the event of their root row does not make: of an older event of its key."""
        for name, rows in held.items():
            if self._schema.tables[name].parent is not None:
                made = _by(_ROW_ID, tables[name]) if name in tables else {}
                if left := sorted(row_id for row_id in _under(_by(_ROW_ID, rows), roots) if row_id not in made):
                    where = piece.range
                    text = f"{name}: {len(left)} rows of lists are not of the newest event of their key"
                    self._findings.add("child_stranger", where.partition, where.start, where.stop, text, left)


def _roots(tables: Mapping[str, pa.Table], root: str | None) -> Set[tuple[object, object]]:
    """Return id and offset of each root row."""
    if root is None or root not in tables:
        return frozenset()
    table = tables[root]
    return frozenset(zip(table[_ROW_ID].to_pylist(), table[_OFFSET].to_pylist(), strict=True))


def _under(rows: _Rows, roots: Set[object]) -> list[str]:
    """Return the ids of child rows whose root row is there; those of one that is missing are told with it."""
    return [row_id for row_id, row in rows.items() if row.get("_hr_root_id") is None or row["_hr_root_id"] in roots]


def _pieces(part: PartitionRecords) -> Iterator[PartitionRecords]:
    start = part.range.start
    for first in range(0, max(len(part), 1), ROWS_AT_ONCE):
        last = first + ROWS_AT_ONCE
        stop = part.offsets[last] if last < len(part) else part.range.stop
        yield part.within(start, stop)
        start = stop


def _by(key: str, table: pa.Table) -> _Rows:
    return {row[key]: row for row in table.to_pylist()}


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    columns = wanted.keys() | found.keys()
    return [column for column in columns if column != _LOAD_ID and not _same(wanted.get(column), found.get(column))]


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, str) and isinstance(found, str) and wanted != found:
        return bool(_parsed(wanted) == _parsed(found))  # a JSON document may come back in another spelling
    return bool(wanted == found)


def _parsed(text: str) -> Any:
    if text[:1] not in "{[":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
