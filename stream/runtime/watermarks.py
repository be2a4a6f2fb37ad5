"""Up to which event time everything is in the tables, per partition, written to the destination every few seconds.

A watermark is behind the truth, never before it: it is taken from what is committed, or from a log that was read to
its end, less a delay for records that come out of order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import anyio

from checkpoints import Partition
from sinks import Sink, SinkError
from sinks.audit import Auditable
from stream.observe.facts import Assigned, BatchLoaded, Claimed, Fact, LagSeen, Observer, Revoked, WatermarksMoved
from stream.observe.lag import Standing, Standings, follow

WRITE_EVERY_SECONDS: Final = 5.0
_AFTER_ERROR_SECONDS: Final = 15.0


class Watermarks:
    """An observer that knows the watermark of each partition of ours, and writes those that moved."""

    def __init__(self, delay_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._standings: Standings = {}
        self._epoch = 0
        self._written: dict[Partition, float] = {}

    def observe(self, fact: Fact) -> None:
        """Follow where our partitions stand."""
        match fact:
            case Assigned() | Revoked() | BatchLoaded() | LagSeen():
                self._standings = follow(self._standings, fact, self._clock())
            case Claimed():
                # What was known before may have been rewound since: only what is committed from here on counts.
                self._standings = {
                    partition: Standing(bounds=standing.bounds) for partition, standing in self._standings.items()
                }
                self._standings = follow(self._standings, fact, self._clock())
                self._epoch, self._written = fact.epoch, {}
            case _:
                pass

    def moved(self) -> Mapping[Partition, float]:
        """Return the watermarks that are others than those that were written, in seconds since 1970."""
        known = {
            partition: max(at for at in (standing.newest_event, standing.caught_up_at) if at is not None)
            for partition, standing in self._standings.items()
            if standing.newest_event is not None or standing.caught_up_at is not None
        }
        marks = {partition: at - self._delay_seconds for partition, at in known.items()}
        return {partition: at for partition, at in marks.items() if at > self._written.get(partition, 0.0)}

    async def write(self, sink: Sink, observe: Observer) -> None:
        """Write what moved, again and again, for as long as the run lasts."""
        if not isinstance(sink, Auditable):
            return
        audit = sink.audit()
        while True:
            await anyio.sleep(WRITE_EVERY_SECONDS)
            if not (marks := self.moved()):
                continue
            try:
                instants = {partition: datetime.fromtimestamp(at, UTC) for partition, at in marks.items()}
                await audit.advance_watermarks(instants, self._epoch)
            except (SinkError, ValueError, OverflowError):  # away, or a record of a year that no calendar has
                await anyio.sleep(_AFTER_ERROR_SECONDS)
                continue
            self._written |= marks
            observe(WatermarksMoved(marks))
