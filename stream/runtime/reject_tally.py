"""How many records were set aside of late, and when that is too many. A batch that is not loaded counts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from checkpoints import Partition
from sinks import Reject
from stream.config.models import Rejects
from stream.errors import TooManyRejects
from stream.model import PartitionRecords, RawBatch

_SHOWN: Final = 3
_LONGEST_ERROR: Final = 200


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was set aside of one part of a batch: how many of its records, and how many of them in a row.

    `before`: those at its beginning, `after`: those at its end, `longest`: the most anywhere. All are `records` when
    nothing else was there.
    """

    records: int
    rejects: int
    before: int = 0
    longest: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class RejectTally:
    """What was set aside up to some position, as far as the bounds look back."""

    in_a_row: Mapping[Partition, int] = field(default_factory=dict)
    window: tuple[tuple[int, int], ...] = ()  # records and rejects of the last batches

    def after(self, parts: Mapping[Partition, Rejected], bounds: Rejects) -> RejectTally:
        """Return the tally once a batch of these parts is loaded."""
        rows = dict(self.in_a_row)
        for partition, part in parts.items():
            carried = rows.pop(partition, 0) if part.records else 0
            if trailing := carried + part.records if part.rejects == part.records else part.after:
                rows[partition] = trailing
        batch = sum(part.records for part in parts.values()), sum(part.rejects for part in parts.values())
        return RejectTally(rows, _last((*self.window, batch), bounds.window_records))

    def longest_row(self, parts: Mapping[Partition, Rejected]) -> tuple[int, Partition | None]:
        """Return the most records in a row that were set aside up to the end of a batch, and of which partition."""
        rows = ((max(part.longest, self.in_a_row.get(p, 0) + part.before), p) for p, part in parts.items())
        return max(rows, default=(0, None), key=lambda row: row[0])

    @property
    def records(self) -> int:
        """Return how many records the window holds."""
        return sum(records for records, _ in self.window)

    @property
    def rejects(self) -> int:
        """Return how many of them were set aside."""
        return sum(rejects for _, rejects in self.window)


class RejectBudget:
    """The tally of one run against its bounds."""

    def __init__(self, bounds: Rejects) -> None:
        self._bounds = bounds
        self._tally = RejectTally()

    def check(self, parts: Mapping[Partition, Rejected], rejects: Sequence[Reject]) -> None:
        """Raise `TooManyRejects` when a batch that set these aside goes past a bound; it is not to be loaded then."""
        if not rejects:
            return
        most, partition = self._tally.longest_row(parts)
        if self._bounds.max_consecutive and most > self._bounds.max_consecutive:
            raise TooManyRejects(
                f"{most:,} records in a row of {partition} would be set aside, rejects.max_consecutive allows "
                f"{self._bounds.max_consecutive:,}. {_explained(rejects)}"
            )
        after = self._tally.after(parts, self._bounds)
        if after.records >= self._bounds.window_records and after.rejects > after.records * self._bounds.max_ratio:
            raise TooManyRejects(
                f"{after.rejects:,} of the last {after.records:,} records would be set aside, rejects.max_ratio allows "
                f"{self._bounds.max_ratio:.0%}. {_explained(rejects)}"
            )

    def loaded(self, parts: Mapping[Partition, Rejected]) -> None:
        """Count a batch that is durable."""
        self._tally = self._tally.after(parts, self._bounds)


def rejected_of(raw: RawBatch, rejects: Collection[Reject]) -> Mapping[Partition, Rejected]:
    """Return what was set aside of each part of `raw`."""
    offsets: dict[Partition, set[int]] = {}
    for reject in rejects:
        offsets.setdefault(reject.partition, set()).add(reject.offset)
    return {part.range.partition: _rejected(part, offsets.get(part.range.partition)) for part in raw.parts}


def _rejected(part: PartitionRecords, offsets: set[int] | None) -> Rejected:
    if not offsets:
        return Rejected(len(part), 0)
    rows = list(_rows(part, offsets))
    ends = rows[0] if part.offsets[0] in offsets else 0, rows[-1] if part.offsets[-1] in offsets else 0
    return Rejected(len(part), len(offsets), ends[0], max(rows), ends[1])


def _rows(part: PartitionRecords, offsets: set[int]) -> Iterator[int]:
    row = 0
    for offset in part.offsets:
        if offset in offsets:
            row += 1
        elif row:
            yield row
            row = 0
    if row:
        yield row


def _last(batches: tuple[tuple[int, int], ...], records: int) -> tuple[tuple[int, int], ...]:
    """Return the newest batches that have at least so many records together; all, where they have fewer."""
    total = sum(count for count, _ in batches)
    first = 0
    while total - batches[first][0] >= records:
        total -= batches[first][0]
        first += 1
    return batches[first:]


def _explained(rejects: Sequence[Reject]) -> str:
    reasons = ", ".join(
        f"{reason}: {count:,}" for reason, count in Counter(each.reason for each in rejects).most_common()
    )
    last = "; ".join(f"{r.partition} offset {r.offset}: {r.error[:_LONGEST_ERROR]}" for r in rejects[-_SHOWN:])
    return (
        f"Of this batch ({reasons}) the last are: {last}. Nothing of it was loaded. Is this the right topic, and its "
        "format what it should be? To go on and set them aside, raise the bound; 0 and 1 switch them off"
    )
