"""The names, types and labels of all metrics: `docs/metrics.md` is made from this list."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

from stream.observe.facts import State
from stream.observe.partition_series import LABELS, PartitionSeries

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_FRESHNESS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)
_RECORDS: Final = (1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000)
_BYTES: Final = tuple(1024 * 4**power for power in range(10))  # 1 KiB to 256 MiB


def headrace_version() -> str:
    """Return the version of the installed distribution, `unknown` when it runs from a bare tree."""
    try:
        return version("headrace")
    except PackageNotFoundError:
        return "unknown"


class Instruments:
    """One registry and everything in it. All but two metrics carry the label `pipeline` first."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.few = CollectorRegistry(auto_describe=True)  # all but those that have a sample for each partition
        self.per_partition: list[PartitionSeries] = []
        self.build = Info("headrace_build", "Version of headrace and of Python.", registry=self.few)
        self.build.info({"version": headrace_version(), "python": platform.python_version()})
        self.state = Enum(
            "headrace_pipeline_state",
            "What the pipeline is doing: 1 for the state it is in.",
            ["pipeline"],
            states=get_args(State),
            registry=self.few,
        )
        self._reading()
        self._committing()
        self._standing()
        self._troubles()
        self.registry.register(self.few)

    def table(self) -> str:
        """Return all metrics with type, labels and meaning, as a Markdown table sorted by name."""
        series = MetricWrapperBase | PartitionSeries
        rows = sorted(_row(metric) for metric in vars(self).values() if isinstance(metric, series))
        return "\n".join(["| name | type | labels | meaning |", "|---|---|---|---|", *rows]) + "\n"

    def _reading(self) -> None:
        self.records_consumed = self._counter("records_consumed", "Records that the client delivered.", "topic")
        self.consumed_bytes = self._counter("consumed_bytes", "Bytes of keys and values delivered.", "topic")
        self.records_skipped = self._counter(
            "records_skipped", "Records that are neither rows nor rejects.", "topic", "reason"
        )
        self.discarded_values = self._counter(
            "discarded_values", "Values and child rows that a schema contract left out of loaded records.", "table"
        )
        self.batch_records = self._histogram("batch_records", "Records in a batch as read.", _RECORDS)
        self.batch_bytes = self._histogram("batch_bytes", "Bytes in a batch as read.", _BYTES)
        self.flushes = self._counter("flushes", "Batches by the bound that ended them.", "cause")
        self.stage_duration = self._histogram(
            "stage_duration_seconds", "Time that one stage spent on one batch.", _SECONDS, "stage"
        )
        self.buffer = self._gauge("buffer_bytes", "Bytes that are read and not yet committed.")
        self.buffer_limit = self._gauge("buffer_limit_bytes", "The most bytes that may be read and not yet committed.")
        self.backpressure = self._counter("backpressure_seconds", "Time that reading stood still for want of buffer.")

    def _committing(self) -> None:
        self.rows_committed = self._counter("rows_committed", "Rows that are durable, after the commit.", "table")
        self.committed_bytes = self._counter("committed_bytes", "Bytes of rows that are durable, in memory.", "table")
        self.deleted_keys = self._counter(
            "deleted_keys", "Keys of a table that merges for which a batch brought a delete.", "table"
        )
        self.rejected_records = self._counter("rejected_records", "Records set aside in _hr_rejects.", "reason")
        self.commit_duration = self._histogram(
            "commit_duration_seconds", "Time of one commit, by how it ended.", _SECONDS, "sink", "outcome"
        )
        self.freshness = self._histogram(
            "freshness_seconds", "From the oldest event of a batch to its visibility in the destination.", _FRESHNESS
        )
        self.freshness_target = self._gauge(
            "freshness_target_seconds", "How old an event may be when it becomes visible, as configured."
        )
        self.last_commit = self._gauge("last_commit_timestamp_seconds", "When the last batch became durable.")
        self.schema_changes = self._counter("schema_changes", "Changes of the destination's schema.", "table", "kind")

    def _standing(self) -> None:
        self.lag_records = self._per_partition(
            "consumer_lag_records", "Offsets in the log that are not in the destination."
        )
        self.lag_seconds = self._per_partition(
            "consumer_lag_seconds", "For how long the destination has been behind; 0 when it is not."
        )
        self.committed_offset = self._per_partition("committed_offset", "Next offset, as the destination has it.")
        self.log_start_offset = self._per_partition("log_start_offset", "First offset that the log still holds.")
        self.log_end_offset = self._per_partition("log_end_offset", "Next offset that the log will deliver.")
        self.high_watermark = self._per_partition(
            "log_high_watermark", "End of what is written, delivered or not, as the last fetch told it."
        )
        self.held_seconds = self._per_partition(
            "open_transaction_seconds", "For how long one open transaction was seen to hold records back."
        )
        self.committed_event = self._per_partition(
            "committed_event_timestamp_seconds", "Newest event visible in the destination."
        )
        self.watermark = self._per_partition(
            "watermark_timestamp_seconds", "Event time up to which all of it is in the tables."
        )
        self.topic_partitions = self._gauge("topic_partitions", "Partitions that the topic has.", "topic")
        self.assigned_partitions = self._gauge("assigned_partitions", "Partitions that are ours.", "topic")

    def _troubles(self) -> None:
        self.rebalances = self._counter("rebalances", "Changes of the assignment.", "kind")
        self.fenced = self._counter("fenced", "Commits refused because a newer claim owns the partitions.")
        self.retries = self._counter("retries", "Attempts that are repeated.", "reason")
        self.offset_gaps = self._counter("offset_gaps", "Lost ranges of offsets that were accepted.", "topic", "kind")
        self.stuck = self._gauge(
            "stage_stuck_seconds", "For how long a stage has made no progress; 0 while all stages move."
        )
        self.topic_paused = self._gauge(
            "topic_paused", "1 while a topic is paused because its table cannot take its rows.", "topic"
        )
        self.loop_lag = Histogram(
            "headrace_event_loop_lag_seconds",
            "How late the event loop came to its own heartbeat.",
            buckets=_SECONDS,
            registry=self.few,
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"headrace_{name}", meaning, ["pipeline", *labels], registry=self.few)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"headrace_{name}", meaning, ["pipeline", *labels], registry=self.few)

    def _per_partition(self, name: str, meaning: str) -> PartitionSeries:
        series = PartitionSeries(name, meaning)
        self.registry.register(series)
        self.per_partition.append(series)
        return series

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"headrace_{name}", meaning, ["pipeline", *labels], buckets=tuple(buckets), registry=self.few)


def _row(metric: MetricWrapperBase | PartitionSeries) -> str:
    (family,) = metric.describe()
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    own = LABELS if isinstance(metric, PartitionSeries) else metric._labelnames  # no public way to ask
    labels = ("version", "python") if family.type == "info" else own
    return f"| `{family.name}{suffix}` | {family.type} | {', '.join(labels)} | {family.documentation} |"


def with_table(page: str, table: str) -> str:
    """Return a page of documentation with `table` in the place of the one that it has."""
    before, header, rest = page.partition("| name | type |")
    lines = (header + rest).splitlines(keepends=True)
    behind = next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + table + "".join(lines[behind:])
