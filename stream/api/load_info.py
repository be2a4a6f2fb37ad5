"""What a run and its steps did: printable for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from stream.errors import JobsFailed


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A table that the destination refused for good, with the reason."""

    table: str
    error: str


@dataclass(frozen=True, slots=True)
class PackageInfo:
    """One load package: rows and bytes by what is known in its state, and what it changed."""

    load_id: str
    state: str
    rows: Mapping[str, int] = field(default_factory=dict)
    table_bytes: Mapping[str, int] = field(default_factory=dict)
    nbytes: int = 0
    schema_changes: tuple[str, ...] = ()
    failed_jobs: tuple[FailedJob, ...] = ()


@dataclass(frozen=True, slots=True)
class _Info:
    def asdict(self) -> dict[str, Any]:
        """Return the same as plain values that JSON can hold."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    def asjson(self) -> str:
        """Return the same as JSON text."""
        return json.dumps(self.asdict())


@dataclass(frozen=True, slots=True)
class ExtractInfo(_Info):
    """What `extract` did: rows by table as the data gave them, before lists became tables."""

    pipeline_name: str
    started_at: datetime
    finished_at: datetime
    packages: tuple[PackageInfo, ...] = ()

    @property
    def load_ids(self) -> tuple[str, ...]:
        """Return the ids of the packages."""
        return tuple(package.load_id for package in self.packages)

    def __str__(self) -> str:
        return _steps("extracted", self.pipeline_name, self.packages)


@dataclass(frozen=True, slots=True)
class NormalizeInfo(_Info):
    """What `normalize` did: rows by table as they are loaded."""

    pipeline_name: str
    started_at: datetime
    finished_at: datetime
    packages: tuple[PackageInfo, ...] = ()

    @property
    def load_ids(self) -> tuple[str, ...]:
        """Return the ids of the packages."""
        return tuple(package.load_id for package in self.packages)

    def __str__(self) -> str:
        return _steps("normalized", self.pipeline_name, self.packages)


@dataclass(frozen=True, slots=True)
class LoadInfo(_Info):
    """What one run did. `load_ids` keeps the newest thousand; `_hr_loads` in the destination has every one.

    `destination` is its URL without a password. `packages` has one for each load of data that is not Kafka.
    """

    pipeline_name: str
    destination_name: str
    dataset_name: str
    started_at: datetime
    finished_at: datetime
    loads: int = 0
    load_ids: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    table_bytes: Mapping[str, int] = field(default_factory=dict)
    nbytes: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    schema_changes: tuple[str, ...] = ()
    first_run: bool = False
    destination: str | None = None
    packages: tuple[PackageInfo, ...] = ()

    @property
    def failed_jobs(self) -> tuple[FailedJob, ...]:
        """Return the tables that the destination refused for good."""
        return tuple(job for package in self.packages for job in package.failed_jobs)

    @property
    def has_failed_jobs(self) -> bool:
        """Return whether the destination refused a package for good: nothing of that package is loaded."""
        return bool(self.failed_jobs)

    def raise_on_failed_jobs(self) -> None:
        """Raise `JobsFailed` where the destination refused a package for good."""
        for package in self.packages:
            if package.failed_jobs:
                tables = ", ".join(job.table for job in package.failed_jobs)
                raise JobsFailed(
                    f"load {package.load_id} failed for good and nothing of it is loaded ({tables}): "
                    f"{package.failed_jobs[0].error}"
                )

    def __str__(self) -> str:
        seconds = (self.finished_at - self.started_at).total_seconds()
        lines = [
            f"Pipeline {self.pipeline_name}: {_counted(self.loads, 'load')} "
            f"into {self.destination_name}, dataset {self.dataset_name}, in {seconds:.2f} seconds"
        ]
        lines += [f"  {line}" for line in _tables(self.rows, self.table_bytes)]
        lines += [
            f"  set aside, {reason}: {_counted(count, 'record')}" for reason, count in sorted(self.rejects.items())
        ]
        lines += [f"  skipped, {reason}: {_counted(count, 'record')}" for reason, count in sorted(self.skipped.items())]
        lines += [f"  schema: {change}" for change in self.schema_changes]
        lines += [f"  failed: {job.table}: {job.error}" for job in self.failed_jobs]
        return "\n".join(lines)


def _steps(what: str, pipeline_name: str, packages: tuple[PackageInfo, ...]) -> str:
    lines = [f"Pipeline {pipeline_name}: {_counted(len(packages), 'package')} {what}"]
    for package in packages:
        lines.append(f"  {package.load_id}")
        lines += [f"    {line}" for line in _tables(package.rows, package.table_bytes)]
    return "\n".join(lines)


def _tables(rows: Mapping[str, int], nbytes: Mapping[str, int]) -> list[str]:
    """Return a line for each table; sizes only where they are known."""
    return [
        f"{table}: {_counted(count, 'row')}" + (f", {nbytes[table]:,} bytes" if table in nbytes else "")
        for table, count in sorted(rows.items())
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
