"""Progress bars of well-known packages. Each is imported when it is asked for."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from importlib import import_module
from typing import Any


class TqdmCollector:
    """A bar of tqdm for each resource or table."""

    def __init__(self) -> None:
        self._tqdm = import_module("tqdm").tqdm
        self._bars: dict[str, Any] = {}
        self._step = ""

    def begin(self, step: str) -> None:
        """Begin a step."""
        self._step = step

    def update(self, name: str, amount: int, unit: str) -> None:
        """Move the bar of `name` by rows."""
        if unit != "rows":
            return
        if name not in self._bars:
            self._bars[name] = self._tqdm(desc=f"{self._step} {name}", unit=" rows", unit_scale=True)
        self._bars[name].update(amount)

    def end(self) -> None:
        """Close the bars of the step."""
        for bar in self._bars.values():
            bar.close()
        self._bars.clear()


class EnlightenCollector:
    """A counter of enlighten for each resource or table, at the foot of the terminal."""

    def __init__(self) -> None:
        self._manager = import_module("enlighten").get_manager()
        self._counters: dict[str, Any] = {}
        self._step = ""

    def begin(self, step: str) -> None:
        """Begin a step."""
        self._step = step

    def update(self, name: str, amount: int, unit: str) -> None:
        """Move the counter of `name` by rows."""
        if unit != "rows":
            return
        if name not in self._counters:
            self._counters[name] = self._manager.counter(desc=f"{self._step} {name}", unit="rows")
        self._counters[name].update(amount)

    def end(self) -> None:
        """Close the counters of the step."""
        for counter in self._counters.values():
            counter.close()
        self._counters.clear()


class AliveCollector:
    """One animated bar of alive-progress for each step, with the rows of each table beside it."""

    def __init__(self) -> None:
        self._bar_of = import_module("alive_progress").alive_bar
        self._open = ExitStack()
        self._bar: Any = None
        self._rows: Counter[str] = Counter()

    def begin(self, step: str) -> None:
        """Begin a step."""
        self._rows.clear()
        self._bar = self._open.enter_context(self._bar_of(title=step, unit=" rows", enrich_print=False))

    def update(self, name: str, amount: int, unit: str) -> None:
        """Move the bar by rows."""
        if unit != "rows" or self._bar is None:
            return
        self._rows[name] += amount
        self._bar.text = ", ".join(f"{table} {rows:,}" for table, rows in self._rows.items())
        self._bar(amount)

    def end(self) -> None:
        """Close the bar of the step."""
        self._open.close()
        self._bar = None
