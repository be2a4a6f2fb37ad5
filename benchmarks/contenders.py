"""Who runs in the comparison, and one run of one of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import headrace_run
from benchmarks.contender import Options, Outcome
from benchmarks.destinations import Kind, fresh, rows
from benchmarks.measure import ROOT, ContenderFailed, Usage, measured
from benchmarks.workload import Backlog

DLT_ENVIRONMENT = ROOT / ".cache" / "bench-venv"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to carry the workload. `small`: too slow for the whole of it. A `floor` leaves nothing to be checked."""

    name: str
    destination: Kind
    command: Callable[[Options], Sequence[str]]
    outcome: Callable[[Options, str], Outcome] = lambda _, output: Outcome.reported(output)
    environment: Mapping[str, str] = field(default_factory=dict)
    small: bool = False
    floor: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one contender took."""

    contender: Contender
    outcome: Outcome
    usage: Usage


def all_contenders() -> list[Contender]:
    """Return everyone, each destination's in the order in which they are shown."""
    return [
        _headrace("DuckDB"),
        _script("expert's script", "DuckDB", "benchmarks.expert_duckdb"),
        _dlt("dlt, parquet files", "DuckDB"),
        _headrace("PostgreSQL"),
        _script("expert's script", "PostgreSQL", "benchmarks.expert_postgres"),
        _dlt("dlt, csv by COPY", "PostgreSQL"),
        _floor("read, confluent-kafka", "none", "drain_confluent"),
        _floor("read, aiokafka", "none", "drain_aiokafka"),
        _floor("parse and flatten, pyarrow", "none", "parse_only"),
        _floor("insert", "DuckDB", "insert_only"),
        _floor("COPY of CSV", "PostgreSQL", "copy_only"),
    ]


def run(contender: Contender, backlog: Backlog, postgres_dsn: str) -> Run:
    """Run a contender on an empty destination. Raises `ContenderFailed` when rows are missing or too many."""
    with fresh(contender.destination, postgres_dsn) as url:
        given = Options(backlog.brokers, backlog.topic, url, backlog.events)
        usage = measured(contender.command(given), contender.environment)
        if not contender.floor and rows(url) != (backlog.events, backlog.items):
            raise ContenderFailed(f"{contender.name}: {rows(url)} rows of {(backlog.events, backlog.items)}")
    return Run(contender, contender.outcome(given, usage.output), usage)


def prepare_dlt() -> None:
    """Make dlt's environment where it is not there yet."""
    if not dlt_python().exists():
        subprocess.run([sys.executable, "-m", "venv", DLT_ENVIRONMENT], check=True)
        requirements = str(ROOT / "benchmarks" / "requirements.txt")
        subprocess.run([dlt_python(), "-m", "pip", "install", "-q", "-r", requirements], check=True)


def _headrace(destination: Kind) -> Contender:
    return Contender(
        "headrace", destination, headrace_run.until_latest, headrace_run.outcome, headrace_run.ENVIRONMENT
    )  # fmt: skip


def _script(name: str, destination: Kind, module: str) -> Contender:
    return Contender(name, destination, partial(_command, Path(sys.executable), [module]))


def _dlt(name: str, destination: Kind) -> Contender:
    return Contender(name, destination, partial(_command, dlt_python(), ["benchmarks.with_dlt"]), small=True)


def _floor(name: str, destination: Kind, function: str) -> Contender:
    command = partial(_command, Path(sys.executable), ["benchmarks.floors", function])
    return Contender(name, destination, command, floor=True)


def dlt_python() -> Path:
    """Return the interpreter of dlt's environment."""
    return DLT_ENVIRONMENT / "bin" / "python"


def _command(python: Path, module: list[str], given: Options) -> list[str]:
    where = ["--brokers", given.brokers, "--topic", given.topic, "--to", given.to]
    return [str(python), "-m", *module, *where, "--events", str(given.events)]
