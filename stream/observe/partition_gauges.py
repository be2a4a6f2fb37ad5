"""Gauges per partition: they come with the assignment and go with it, so that no replica reports another's lag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from prometheus_client import Gauge

from checkpoints import Partition
from stream.observe.facts import Assigned, Revoked
from stream.observe.instruments import Instruments
from stream.observe.lag import LagFact, Standing, Standings, follow


class PartitionGauges:
    """Offsets, lag and event times of the partitions that are ours."""

    def __init__(self, pipeline: str, known: Instruments, clock: Callable[[], float]) -> None:
        self._pipeline = pipeline
        self._known = known
        self._clock = clock
        self._standings: Standings = {}

    def observe(self, fact: LagFact) -> None:
        """Set what `fact` changes, and remove what it takes away."""
        before = self._standings
        self._standings = follow(before, fact, self._clock())
        for partition in before.keys() - self._standings.keys():
            self._remove(partition)
        for partition, standing in self._standings.items():
            if standing is not before.get(partition):
                self._show(partition, standing)
        if isinstance(fact, Assigned | Revoked):
            self._count(fact)

    def show_watermarks(self, event_times: Mapping[Partition, float]) -> None:
        """Set the watermarks of partitions that are ours still."""
        for partition, at in event_times.items():
            if partition in self._standings:
                self._set(self._known.watermark, partition, at)

    def _show(self, partition: Partition, standing: Standing) -> None:
        self._set(self._known.committed_offset, partition, standing.committed)
        self._set(self._known.committed_event, partition, standing.newest_event)
        if standing.bounds:
            self._set(self._known.log_start_offset, partition, standing.bounds.start)
            self._set(self._known.log_end_offset, partition, standing.bounds.end)
            self._set(self._known.high_watermark, partition, standing.bounds.high_watermark)
            self._at(self._known.held_seconds, partition).set_function(lambda: self._seconds_held(partition))
        if standing.lag is not None:
            self._set(self._known.lag_records, partition, standing.lag)
            # asked at each scrape: a number stored here would stand still when the loop does
            self._at(self._known.lag_seconds, partition).set_function(lambda: self._seconds_behind(partition))

    def _seconds_behind(self, partition: Partition) -> float:
        return self._standings.get(partition, Standing()).lag_seconds(self._clock())

    def _seconds_held(self, partition: Partition) -> float:
        return self._standings.get(partition, Standing()).held_seconds(self._clock())

    def _remove(self, partition: Partition) -> None:
        for gauge in self._per_partition():
            gauge.remove(self._pipeline, partition.topic, str(partition.number))

    def _per_partition(self) -> tuple[Gauge, ...]:
        known = self._known
        lag = (known.lag_records, known.lag_seconds)
        logs = (known.log_start_offset, known.log_end_offset, known.high_watermark, known.held_seconds)
        return (*lag, *logs, known.committed_offset, known.committed_event, known.watermark)

    def _count(self, fact: Assigned | Revoked) -> None:
        ours = Counter(partition.topic for partition in self._standings)
        for topic in {partition.topic for partition in fact.partitions}:
            self._known.assigned_partitions.labels(self._pipeline, topic).set(ours[topic])
        if isinstance(fact, Assigned):
            for topic, partitions in fact.topics.items():
                self._known.topic_partitions.labels(self._pipeline, topic).set(partitions)
                self._known.assigned_partitions.labels(self._pipeline, topic).set(ours[topic])

    def _set(self, gauge: Gauge, partition: Partition, value: float | None) -> None:
        if value is not None:
            self._at(gauge, partition).set(value)

    def _at(self, gauge: Gauge, partition: Partition) -> Gauge:
        return gauge.labels(self._pipeline, partition.topic, str(partition.number))
