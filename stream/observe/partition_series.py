"""A gauge with a sample for each partition, cheap with thousands of them.

The library keeps an object for each sample and escapes each label at each scrape. Here a sample is read when it is
asked for, and the text of its labels is made once (docs/decisions/0085-scraping-partitions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from checkpoints import Partition

LABELS: Final = ("pipeline", "topic", "partition")

Read = Callable[[], Mapping[Partition, float]]
"""The values of now, by partition."""


class PartitionSeries(Collector):
    """One gauge. Nothing is in it before somebody says where its values are read from."""

    def __init__(self, name: str, meaning: str) -> None:
        self.name = f"headrace_{name}"
        self.meaning = meaning
        self._pipeline = ""
        self._read: Read = dict

    def read_from(self, pipeline: str, read: Read) -> None:
        """Take the values from `read`, at each scrape."""
        self._pipeline, self._read = pipeline, read

    def describe(self) -> Iterable[Metric]:
        """Yield the gauge without samples."""
        yield GaugeMetricFamily(self.name, self.meaning, labels=LABELS)

    def collect(self) -> Iterable[Metric]:
        """Yield the gauge as the library has it."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=LABELS)
        for partition, value in self._read().items():
            family.add_metric((self._pipeline, partition.topic, str(partition.number)), value)
        yield family

    def text(self, labels: Callable[[Partition], str]) -> str:
        """Return the gauge in Prometheus' text format; `labels` gives the text of a partition's labels."""
        name = self.name
        lines = [f"{name}{labels(partition)} {float(value)!r}\n" for partition, value in self._read().items()]
        return f"# HELP {name} {self.meaning}\n# TYPE {name} gauge\n{''.join(lines)}"


def label_text(pipeline: str, partition: Partition) -> str:
    """Return a partition's labels in Prometheus' text format."""
    topic, name = _escaped(partition.topic), _escaped(pipeline)
    return f'{{partition="{partition.number}",pipeline="{name}",topic="{topic}"}}'


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
