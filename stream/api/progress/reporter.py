"""From what happens in a run to what a collector is told."""

from __future__ import annotations

from threading import Lock

from stream.api.progress.collector import Collector
from stream.observe.facts import BatchLoaded, Fact, LagSeen


class Reporter:
    """Tells a collector of pages and facts; begins and ends steps by itself. Without a collector it does nothing."""

    def __init__(self, collector: Collector | None) -> None:
        self._collector = collector
        self._step: str | None = None
        self._lock = Lock()  # pages come from the thread that extracts, facts from the event loop's

    def extracted(self, resource: str, table: str, rows: int, nbytes: int) -> None:
        """Tell of one page."""
        name = resource if resource == table else f"{resource} -> {table}"
        self._tell("extract", name, rows, nbytes)

    def normalized(self, table: str, rows: int) -> None:
        """Tell of one table of a package."""
        self._tell("normalize", table, rows, 0)

    def observe(self, fact: Fact) -> None:
        """Tell of one fact."""
        if self._collector is None:
            return
        if isinstance(fact, BatchLoaded):
            step = "stream" if fact.receipt.step.spans else "load"
            for table, rows in fact.receipt.rows.items():
                self._tell(step, table, rows, fact.nbytes.get(table, 0))
        elif isinstance(fact, LagSeen) and self._step == "stream":
            with self._lock:
                self._collector.update("log end", sum(bounds.end for bounds in fact.bounds.values()), "offsets")

    def close(self) -> None:
        """End the step that is shown."""
        with self._lock:
            if self._collector is not None and self._step is not None:
                self._collector.end()
            self._step = None

    def _tell(self, step: str, name: str, rows: int, nbytes: int) -> None:
        if self._collector is None:
            return
        with self._lock:
            if step != self._step:
                if self._step is not None:
                    self._collector.end()
                self._step = step
                self._collector.begin(step)
            self._collector.update(name, rows, "rows")
            self._collector.update(name, nbytes, "bytes")
