"""What a run did: printable for people, JSON for machines."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from stream.observe.facts import BatchLoaded, Fact, SchemaChanged, Started
from stream.observe.formatting import describe

_KEPT_LOAD_IDS = 1_000  # an endless run must not grow; the ledger has them all


@dataclass(frozen=True, slots=True)
class LoadInfo:
    """What one run did. `load_ids` keeps the newest thousand; `_hr_loads` in the destination has every one."""

    pipeline_name: str
    destination_name: str
    dataset_name: str
    started_at: datetime
    finished_at: datetime
    loads: int = 0
    load_ids: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    nbytes: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    schema_changes: tuple[str, ...] = ()
    first_run: bool = False

    @property
    def has_failed_jobs(self) -> bool:
        """Return whether something was not loaded: never, as a load is one commit and a failed one raises."""
        return False

    def raise_on_failed_jobs(self) -> None:
        """Return quietly: see `has_failed_jobs`."""

    def asdict(self) -> dict[str, Any]:
        """Return the same as plain values that JSON can hold."""
        return asdict(self) | {
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
        }

    def asjson(self) -> str:
        """Return the same as JSON text."""
        return json.dumps(self.asdict())

    def __str__(self) -> str:
        seconds = (self.finished_at - self.started_at).total_seconds()
        lines = [
            f"Pipeline {self.pipeline_name}: {_counted(self.loads, 'load')} "
            f"into {self.destination_name}, dataset {self.dataset_name}, in {seconds:.2f} seconds"
        ]
        lines += [f"  {table}: {_counted(count, 'row')}" for table, count in sorted(self.rows.items())]
        lines += [
            f"  set aside, {reason}: {_counted(count, 'record')}" for reason, count in sorted(self.rejects.items())
        ]
        lines += [f"  skipped, {reason}: {_counted(count, 'record')}" for reason, count in sorted(self.skipped.items())]
        lines += [f"  schema: {change}" for change in self.schema_changes]
        return "\n".join(lines)


class LoadInfoBuilder:
    """An observer that sums up a run."""

    def __init__(self, pipeline_name: str, destination_name: str, dataset_name: str) -> None:
        self._names = (pipeline_name, destination_name, dataset_name)
        self._started_at = datetime.now(UTC)
        self._loads = 0
        self._load_ids: deque[str] = deque(maxlen=_KEPT_LOAD_IDS)
        self._rows: Counter[str] = Counter()
        self._nbytes = 0
        self._rejects: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._changes: list[str] = []
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
                self._nbytes += fact.receipt.nbytes
                self._rejects.update(fact.rejects)
                for reasons in fact.skipped.values():
                    self._skipped.update(reasons)
            case _:
                pass

    def build(self) -> LoadInfo:
        """Return the sum so far."""
        return LoadInfo(
            *self._names,
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
            loads=self._loads,
            load_ids=tuple(self._load_ids),
            rows=dict(self._rows),
            nbytes=self._nbytes,
            rejects=dict(self._rejects),
            skipped=dict(self._skipped),
            schema_changes=tuple(self._changes),
            first_run=self._first_run,
        )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
