"""Runs as tables: on the terminal, and in `docs/benchmarks.md` between markers."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import Contender, Run
from benchmarks.measure import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
HEADINGS = (
    "contender",
    "events/s",
    "(lowest-highest)",
    "of expert",
    "x dlt",
    "CPU s per million",
    "peak MiB",
    "start s",
)
PACKAGES = ("headrace", "aiokafka", "confluent-kafka", "duckdb", "psycopg", "pyarrow")
Row = Sequence[str]


def comparison(rounds: Sequence[Sequence[Run]]) -> list[Row]:
    """Return one row per contender: medians over the rounds. A ratio is the median of the ratios within each round."""
    return [_row(place, rounds) for place in range(len(rounds[0]))]


def show(title: str, headings: Row, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == headings[0] else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=max(Console().width, 120)).print(table)  # a pipe has 80 columns: too few


def write(section: str, headings: Row, rows: Sequence[Row], note: str, page: Path = PAGE) -> None:
    """Replace what stands between `<!-- section -->` and `<!-- /section -->`. Raises `ValueError` without them."""
    dashes = ["---", *["---:"] * (len(headings) - 1)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings, dashes, *rows)]
    text = "\n".join([f"<!-- {section} -->", machine(), "", note, "", *lines, f"<!-- /{section} -->"])
    pattern = re.compile(f"<!-- {section} -->.*?<!-- /{section} -->", re.DOTALL)
    written, replaced = pattern.subn(lambda _: text, page.read_text(encoding="utf-8"))
    if not replaced:
        raise ValueError(f"{page} has no place for {section}: add <!-- {section} --> and <!-- /{section} -->")
    page.write_text(written, encoding="utf-8")


def machine() -> str:
    """Return when and where: figures of two machines, or of two days on one, do not compare."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {versions}."
    )


def _row(place: int, rounds: Sequence[Sequence[Run]]) -> Row:
    runs = [a_round[place] for a_round in rounds]
    rates = [run.outcome.events_per_second for run in runs]
    contender = runs[0].contender
    where = "" if contender.destination == "none" else f" → {contender.destination}"
    return (
        contender.name + where,
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        _ratio(place, rounds, "expert"),
        _ratio(place, rounds, "dlt"),
        f"{median(run.usage.cpu_seconds / run.outcome.events * 1_000_000 for run in runs):.1f}",
        f"{median(run.usage.peak_mib for run in runs):,.0f}",
        f"{median(run.outcome.ready - run.usage.started for run in runs):.2f}",
    )


def _ratio(place: int, rounds: Sequence[Sequence[Run]], rival: str) -> str:
    ratios = [
        runs[place].outcome.events_per_second / other.outcome.events_per_second
        for runs in rounds
        for other in runs
        if other.contender.name.startswith(rival) and _same_job(runs[place].contender, other.contender)
    ]
    return f"{median(ratios):.2f}" if ratios else ""


def _same_job(one: Contender, other: Contender) -> bool:
    return one.destination == other.destination and not one.floor
