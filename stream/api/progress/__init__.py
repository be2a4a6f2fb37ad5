"""Progress of a run, for people who wait: bars, log lines, or a collector of the user's own."""

from stream.api.progress.collector import Collector, collector_of
from stream.api.progress.reporter import Reporter

__all__ = ["Collector", "Reporter", "collector_of"]
