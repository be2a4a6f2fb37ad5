"""Progress as lines of text, for terminals and logs alike."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Final, TextIO

_EVERY_SECONDS: Final = 1.0
_MEGABYTE: Final = 1_000_000


class LogCollector:
    """Writes a line for each step at most once a second, and one when it ends, to the standard error stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._step = ""
        self._began = self._written = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()

    def begin(self, step: str) -> None:
        """Begin a step."""
        self._step = step
        self._began = self._written = time.monotonic()
        self._counts.clear()

    def update(self, name: str, amount: int, unit: str) -> None:
        """Count, and write a line now and then."""
        self._counts[name, unit] += amount
        if time.monotonic() - self._written >= _EVERY_SECONDS:
            self._write("")

    def end(self) -> None:
        """Write the last line of the step."""
        self._write(", done")

    def _write(self, suffix: str) -> None:
        self._written = time.monotonic()
        seconds = max(self._written - self._began, 1e-9)
        rows = sum(count for (_, unit), count in self._counts.items() if unit == "rows")
        nbytes = sum(count for (_, unit), count in self._counts.items() if unit == "bytes")
        names = ", ".join(f"{name} {count:,}" for (name, unit), count in self._counts.items() if unit == "rows")
        print(
            f"{self._step}: {rows:,} rows ({names}), {nbytes / _MEGABYTE:,.1f} MB, "
            f"{rows / seconds:,.0f} rows/s{suffix}",
            file=self._stream,
            flush=True,
        )
