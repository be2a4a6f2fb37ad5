"""Gauges per partition: they come with the assignment and go with it, so that no replica reports another's lag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from checkpoints import Partition
from stream.observe.facts import Assigned, LogBounds, Revoked
from stream.observe.instruments import Instruments
from stream.observe.lag import LagFact, Standing, Standings, follow
from stream.observe.partition_series import PartitionSeries, label_text

_MOST_LABELS = 16_384  # partitions whose labels are kept as text


class PartitionGauges:
    """Offsets, lag and event times of the partitions that are ours, as they are when somebody asks.

    A number that was stored would stand still when the loop does.
    """

    def __init__(self, pipeline: str, known: Instruments, clock: Callable[[], float]) -> None:
        self._pipeline = pipeline
        self._known = known
        self._clock = clock
        self._standings: Standings = {}
        self._watermarks: Mapping[Partition, float] = {}
        self._labels = lru_cache(_MOST_LABELS)(partial(label_text, pipeline))
        for series, value in self._values().items():
            series.read_from(pipeline, partial(self._read, value))
        known.watermark.read_from(pipeline, self._watermarks_of_ours)

    def observe(self, fact: LagFact) -> None:
        """Take what `fact` changes."""
        self._standings = follow(self._standings, fact, self._clock())
        if isinstance(fact, Assigned | Revoked):
            self._count(fact)

    def show_watermarks(self, event_times: Mapping[Partition, float]) -> None:
        """Take watermarks; those of partitions that are not ours any more are forgotten."""
        ours = {partition: at for partition, at in self._watermarks.items() if partition in self._standings}
        self._watermarks = {**ours, **event_times}

    def text(self) -> str:
        """Return all of them in Prometheus' text format. Safe to call from another thread."""
        return "".join(series.text(self._labels) for series in self._known.per_partition)

    def _values(self) -> Mapping[PartitionSeries, Callable[[Standing, float], float | None]]:
        """Return what each gauge shows of a standing at an instant; None is not shown."""
        known = self._known
        return {
            known.committed_offset: lambda standing, _: standing.committed,
            known.committed_event: lambda standing, _: standing.newest_event,
            known.log_start_offset: lambda standing, _: _bound(standing, lambda bounds: bounds.start),
            known.log_end_offset: lambda standing, _: _bound(standing, lambda bounds: bounds.end),
            known.high_watermark: lambda standing, _: _bound(standing, lambda bounds: bounds.high_watermark),
            known.held_seconds: lambda standing, now: standing.held_seconds(now) if standing.bounds else None,
            known.lag_records: lambda standing, _: standing.lag,
            known.lag_seconds: lambda standing, now: None if standing.lag is None else standing.lag_seconds(now),
        }

    def _read(self, value: Callable[[Standing, float], float | None]) -> Mapping[Partition, float]:
        now = self._clock()
        found = ((partition, value(standing, now)) for partition, standing in self._standings.items())
        return {partition: each for partition, each in found if each is not None}

    def _watermarks_of_ours(self) -> Mapping[Partition, float]:
        ours = self._standings
        return {partition: at for partition, at in self._watermarks.items() if partition in ours}

    def _count(self, fact: Assigned | Revoked) -> None:
        ours = Counter(partition.topic for partition in self._standings)
        for topic in {partition.topic for partition in fact.partitions}:
            self._known.assigned_partitions.labels(self._pipeline, topic).set(ours[topic])
        if isinstance(fact, Assigned):
            for topic, partitions in fact.topics.items():
                self._known.topic_partitions.labels(self._pipeline, topic).set(partitions)
                self._known.assigned_partitions.labels(self._pipeline, topic).set(ours[topic])


def _bound(standing: Standing, of: Callable[[LogBounds], float | None]) -> float | None:
    return of(standing.bounds) if standing.bounds else None
