"""Lines of a ledger and offsets, summed up in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from checkpoints import OffsetRange, Partition
from sinks.audit import BUCKET, LedgerFault, LedgerTotals, Tally, mixed
from sinks.ledger import LoadRow, RejectRow

_Place: TypeAlias = tuple[int, int]


def named(partition: Partition) -> tuple[str, int]:
    """Return topic and number of a partition."""
    return partition.topic, partition.number


def place_of(row: RejectRow) -> tuple[str, int, int]:
    """Return where a reject was in Kafka."""
    return row.topic, row.partition, row.offset


def inside(row: RejectRow, within: OffsetRange) -> bool:
    """Return whether a reject lies in a range."""
    return (row.topic, row.partition) == named(within.partition) and within.start <= row.offset < within.stop


def around(line: LoadRow, row: RejectRow) -> bool:
    """Return whether a line of the ledger speaks of a reject."""
    same = (line.pipeline, line.topic, line.partition) == (row.pipeline, row.topic, row.partition)
    return same and line.start_offset <= row.offset < line.stop_offset


def totals_of(partition: Partition, lines: Sequence[LoadRow]) -> LedgerTotals:
    """Return one partition's lines of the ledger in one."""
    return LedgerTotals(
        partition,
        start=lines[0].start_offset,
        stop=max(line.stop_offset for line in lines),
        records=sum(line.records for line in lines),
        rows=sum(line.rows for line in lines),
        rejected=sum(line.rejected for line in lines),
        skipped=sum(line.skipped for line in lines),
        holes=sum(line.holes for line in lines),
        lost=sum(line.stop_offset - line.start_offset for line in lines if line.lost),
        loads=len(lines),
    )


def faults_of(lines: Sequence[LoadRow]) -> Iterator[LedgerFault]:
    """Yield lines that do not follow from the one before, or do not add up."""
    for before, line in pairwise((None, *lines)):
        if line is None:
            continue
        where = OffsetRange(Partition(line.topic, line.partition), line.start_offset, line.stop_offset)
        if before is not None and before.stop_offset != line.start_offset:
            yield LedgerFault(where, f"the ledger jumps from {before.stop_offset} to {line.start_offset}")
        elif before is not None and before.epoch > line.epoch:
            yield LedgerFault(where, f"the epoch falls from {before.epoch} to {line.epoch}")
        elif not _adds_up(line, len(where)):
            yield LedgerFault(where, f"the line does not add up: {line.records} records over {len(where)} offsets")


def _adds_up(line: LoadRow, length: int) -> bool:
    whole = line.records == line.rows + line.rejected + line.skipped
    return whole and min(line.rows, line.holes) >= 0 and (line.lost or line.records + line.holes == length)


def tallies_of(places: Iterable[_Place]) -> tuple[Tally, ...]:
    """Return offsets of partitions summed up by bucket."""
    buckets: dict[_Place, list[int]] = {}
    for number, offset in places:
        buckets.setdefault((number, offset - offset % BUCKET), []).append(offset % BUCKET)
    return tuple(
        Tally(number, start, len(some), sum(some), sum(map(mixed, some)))
        for (number, start), some in sorted(buckets.items())
    )
