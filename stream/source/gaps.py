"""Offsets that are gone: what a stored position and a log say together. Pure decisions, no broker.

Three kinds. `retention`: the log begins past the stored offset. `truncation`: the log ends before it, and what is
written there next would be skipped. `recreated`: the topic is another one, whose records up to there would be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from checkpoints import OffsetRange, Partition, Position
from stream.source.contract import Gap


def retention_gaps(stored: Position, log_starts: Mapping[Partition, int]) -> tuple[Gap, ...]:
    """Return a gap for each partition whose log begins past the stored offset."""
    return tuple(
        Gap("retention", OffsetRange(partition, offset, log_starts[partition]))
        for partition, offset in stored.next.items()
        if offset < log_starts[partition]
    )


def truncation_gaps(stored: Position, log_ends: Mapping[Partition, int]) -> tuple[Gap, ...]:
    """Return a gap for each partition whose log seems to end before the stored offset."""
    return tuple(
        Gap("truncation", OffsetRange(partition, log_ends[partition], offset))
        for partition, offset in stored.next.items()
        if offset > log_ends[partition]
    )


def recreation_gaps(
    stored: Position, topics: Collection[str], log_starts: Mapping[Partition, int], log_ends: Mapping[Partition, int]
) -> tuple[Gap, ...]:
    """Return a gap for each stored partition of `topics`, which are known to be others than those that were read."""
    return tuple(
        Gap("recreated", _skipped(partition, offset, log_starts[partition], log_ends[partition]))
        for partition, offset in stored.next.items()
        if partition.topic in topics
    )


def _skipped(partition: Partition, stored: int, log_start: int, log_end: int) -> OffsetRange:
    return OffsetRange(partition, log_start, max(log_start, min(stored, log_end)))


def acceptable(gap: Gap) -> bool:
    """Return whether one may go on past `gap`: only forward, because a position never falls."""
    return gap.kind == "retention"


def describe(gaps: Collection[Gap], *, accept_loss: bool) -> str:
    """Return what a person must know about `gaps`, and what to do."""
    ranges = "; ".join(f"{g.range.partition} offsets {g.range.start}..{g.range.stop} ({g.kind})" for g in gaps)
    if all(map(acceptable, gaps)):
        return (
            f"records were deleted before they were read: {ranges}. They are lost to this pipeline; "
            "set accept_loss to go on at the start of the log (the gap is written into the ledger)"
        )
    refused = "accept_loss cannot help here, because a stored position never falls. " if accept_loss else ""
    topics = " ".join(f"--topic {topic}" for topic in sorted({gap.range.partition.topic for gap in gaps}))
    return (
        f"the log is not the one that was read: {ranges}. {refused}"
        f"To load it as it is now in the place of what was loaded: headrace rewind {topics} --to-beginning. To keep "
        f"that and load it besides: take it off this pipeline's topics and run another pipeline with {topics} alone, "
        "since of the same dataset's other topics a new pipeline would load each event once more"
    )
