"""Facts of a run, summed up: bounded however long the run is."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from stream.api.load_info import FailedJob, LoadInfo, PackageInfo
from stream.observe.facts import BatchLoaded, Fact, SchemaChanged, Started
from stream.observe.formatting import describe
from stream.packages import Package
from stream.runtime.shape_package import plan_of

_KEPT: Final = 1_000  # an endless run must not grow; the ledger and the schema's history have them all


class LoadInfoBuilder:
    """An observer that sums up a run."""

    def __init__(
        self, pipeline_name: str, destination_name: str, dataset_name: str, destination: str | None = None
    ) -> None:
        self._names = (pipeline_name, destination_name, dataset_name)
        self._destination = destination
        self._started_at = datetime.now(UTC)
        self._loads = 0
        self._load_ids: deque[str] = deque(maxlen=_KEPT)
        self._rows: Counter[str] = Counter()
        self._table_bytes: Counter[str] = Counter()
        self._nbytes = 0
        self._rejects: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._changes: deque[str] = deque(maxlen=_KEPT)
        self._packages: deque[PackageInfo] = deque(maxlen=_KEPT)
        self._first_run = False

    def observe(self, fact: Fact) -> None:
        """Take notice of one fact."""
        match fact:
            case Started():
                self._first_run = fact.schema_version == 0
            case SchemaChanged():
                self._changes.extend(map(describe, fact.changes))
            case BatchLoaded():
                self._loads += 1
                self._load_ids.append(fact.receipt.step.load_id)
                self._rows.update(fact.receipt.rows)
                self._table_bytes.update(fact.nbytes)
                self._nbytes += fact.receipt.nbytes
                self._rejects.update(fact.rejects)
                for reasons in fact.skipped.values():
                    self._skipped.update(reasons)
            case _:
                pass

    def add(self, packages: Iterable[Package]) -> None:
        """Take notice of packages that came to their end."""
        self._packages.extend(map(package_info, packages))

    def build(self) -> LoadInfo:
        """Return the sum so far."""
        return LoadInfo(
            *self._names,
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
            loads=self._loads,
            load_ids=tuple(self._load_ids),
            rows=dict(self._rows),
            table_bytes=dict(self._table_bytes),
            nbytes=self._nbytes,
            rejects=dict(self._rejects),
            skipped=dict(self._skipped),
            schema_changes=tuple(self._changes),
            first_run=self._first_run,
            destination=self._destination,
            packages=tuple(self._packages),
        )


def package_info(package: Package) -> PackageInfo:
    """Return what is to be told of a package in the state it is in."""
    if package.state == "extracted":
        rows: Counter[str] = Counter()
        nbytes: Counter[str] = Counter()
        for part in package.manifest.parts:
            rows[part.table] += part.rows
            nbytes[part.table] += (package.folder / part.file).stat().st_size
        return PackageInfo(package.load_id, package.state, dict(rows), dict(nbytes), nbytes.total())
    failure = package.failure
    failed = tuple(FailedJob(table, failure.error) for table in failure.tables) if failure else ()
    if not package.is_normalized:
        return PackageInfo(package.load_id, package.state, failed_jobs=failed)
    normalized = package.normalized
    return PackageInfo(
        package.load_id,
        package.state,
        dict(normalized.rows),
        dict(normalized.table_bytes),
        normalized.nbytes,
        tuple(map(describe, plan_of(normalized).changes)),
        failed,
    )
