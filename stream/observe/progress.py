"""Progress while a run goes on: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from stream.observe.facts import BatchLoaded, Fact, Observer, StateChanged, nobody
from stream.observe.status import Status, StatusBoard

if TYPE_CHECKING:
    from rich.console import RenderableType

_LINE_EVERY_SECONDS: Final = 5.0
_REFRESHES_PER_SECOND: Final = 4.0
_TABLES_SHOWN: Final = 12


@contextmanager
def live_progress(board: StatusBoard) -> Iterator[Observer]:
    """Show `board` on the terminal while the context lasts; log lines appear above it."""
    from rich.console import Console
    from rich.live import Live

    with Live(
        get_renderable=lambda: _display(board.status, time.time()),
        console=Console(stderr=True),
        refresh_per_second=_REFRESHES_PER_SECOND,
        redirect_stdout=False,
    ):
        yield nobody


@contextmanager
def line_progress(
    board: StatusBoard, out: TextIO | None = None, clock: Callable[[], float] = time.time
) -> Iterator[Observer]:
    """Give an observer that writes a line about `board` every few seconds while batches arrive, and at the end.

    `board` must be told each fact before this observer is.
    """
    stream = out or sys.stderr
    due = clock() + _LINE_EVERY_SECONDS

    def observe(fact: Fact) -> None:
        nonlocal due
        now = clock()
        ended = isinstance(fact, StateChanged) and (
            fact.state == "stopped" or (fact.state == "failed" and board.status.batches > 0)
        )
        if ended or (isinstance(fact, BatchLoaded) and now >= due):
            print(summary(board.status, now), file=stream, flush=True)
            due = now + _LINE_EVERY_SECONDS

    yield observe


def summary(status: Status, now: float) -> str:
    """Return the whole status in one line."""
    rows = sum(status.rows.values())
    parts = [
        f"{status.pipeline}: {status.state}",
        f"{rows:,} rows in {len(status.rows)} table{'' if len(status.rows) == 1 else 's'}",
        f"{status.rows_per_second(now):,.0f} rows/s",
        f"{status.batches:,} batches",
        f"lag {status.lag:,}",
    ]
    if status.rejects:
        parts.append(f"{sum(status.rejects.values()):,} set aside")
    return " · ".join(parts)


def _display(status: Status, now: float) -> RenderableType:
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2))
    table.add_column("table")
    table.add_column("rows since start", justify="right")
    for name, rows in list(status.rows.items())[:_TABLES_SHOWN]:
        table.add_row(escape(name), f"{rows:,}")
    if len(status.rows) > _TABLES_SHOWN:
        table.add_row(f"and {len(status.rows) - _TABLES_SHOWN} more", "")
    for reason, records in status.rejects.items():
        table.add_row(f"[yellow]set aside: {escape(reason)}[/]", f"[yellow]{records:,}[/]")
    return Group(Text(summary(status, now), style="bold"), table)
