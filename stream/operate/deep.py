"""Values compared: each event read again, made into rows as the service makes them, and held against the tables."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

import pyarrow as pa

from checkpoints import OffsetRange, Partition
from sinks import Schema
from sinks.audit import Audit, TopicScope
from stream.model import PartitionRecords, RawBatch
from stream.operate.report import Findings
from stream.operate.shaping import Shaper
from stream.source.log_reader import LogReader

ROWS_AT_ONCE: Final = 4_000  # records whose rows are in memory at once
_LOAD_ID: Final = "_hr_load_id"
_ROW_ID: Final = "_hr_id"
_OFFSET: Final = "_kafka_offset"

_Rows = Mapping[Any, Mapping[str, Any]]


class DeepCheck:
    """Compares the values of one topic at a time."""

    def __init__(
        self,
        audit: Audit,
        schema: Schema,
        shaper: Shaper,
        reader: LogReader,
        findings: Findings,
    ) -> None:
        self._audit = audit
        self._schema = schema
        self._reader = reader
        self._findings = findings
        self._shaper = shaper

    async def run(
        self,
        scope: TopicScope,
        partition: Partition,
        start: int,
        stop: int,
        sample: float,
        seed: int,
        *,
        counted: bool,
    ) -> None:
        """Compare `start`..`stop` of a partition, or a `sample` of it. What a table lacks is told only of children."""
        if start >= stop or scope.table is None:
            return
        chance = random.Random(f"{seed} {partition}")  # noqa: S311  # a sample, no secret
        async for part in self._reader.records(OffsetRange(partition, start, stop)):
            for piece in _pieces(part):
                if sample >= 1 or chance.random() < sample:
                    await self._compare(scope, piece, counted=counted)

    async def _compare(self, scope: TopicScope, piece: PartitionRecords, *, counted: bool) -> None:
        shaped = await self._shaper.shape(RawBatch((piece,)), self._schema, "verify")
        held = await self._audit.rows(scope, piece.range)
        roots: set[object] = set(held[scope.table or ""][_ROW_ID].to_pylist()) if scope.table in held else set()
        for name, table in shaped.evolved.tables.items():
            is_root = name == scope.table
            key = _OFFSET if is_root else _ROW_ID
            wanted, found = _by(key, table), _by(key, held[name]) if name in held else {}
            self._tell_altered(name, piece, wanted, found)
            if not is_root and counted:
                self._tell_lost(name, piece, _under(wanted, roots), found)

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
