"""What a run is doing now, as one small immutable value: the status page, /status and the progress display read it.

Only what is named here is ever shown: no setting, and nothing of any record, but for the samples of rejects that a user
asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from checkpoints import Partition
from stream.observe.facts import (
    Assigned,
    BatchLoaded,
    BatchRead,
    Claimed,
    Fact,
    LagSeen,
    RejectSample,
    Retrying,
    Revoked,
    SchemaChanged,
    StageMoves,
    StageStuck,
    Started,
    State,
    StateChanged,
    TopicPaused,
    TopicResumed,
    WatermarksMoved,
)
from stream.observe.formatting import describe
from stream.observe.lag import Standing, follow

_COMMITS: Final = 20
_CHANGES: Final = 50


@dataclass(frozen=True, slots=True)
class Commit:
    """One durable batch."""

    at: float
    load_id: str
    rows: int
    rejects: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Evolved:
    """One change of the destination's schema, in words."""

    at: float
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class TopicPause:
    """A topic whose table cannot take its rows. The error, which may quote a row, is in the log only."""

    since: float
    tries: int
    retry_at: float


@dataclass(frozen=True, slots=True)
class Status:
    """A run as it stands. Times are seconds since 1970; commits and changes are the newest ones, oldest first."""

    pipeline: str
    started_at: float
    state: State = "starting"
    state_reason: str = ""
    sink: str = ""
    dataset: str = ""
    epoch: int = 0
    schema_version: int = 0
    records: int = 0
    batches: int = 0
    retries: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)
    partitions: Mapping[Partition, Standing] = field(default_factory=dict)
    commits: tuple[Commit, ...] = ()
    changes: tuple[Evolved, ...] = ()
    freshness: float | None = None  # seconds from the oldest event of the newest batch to its commit
    watermarks: Mapping[Partition, float] = field(default_factory=dict)
    stuck: StageStuck | None = None
    reject_samples: Mapping[str, RejectSample] = field(default_factory=dict)  # by reason, where the user wants them
    paused: Mapping[str, TopicPause] = field(default_factory=dict)  # by topic

    @property
    def lag(self) -> int:
        """Return how many offsets are behind, over our partitions, as far as it is known."""
        return sum(standing.lag or 0 for standing in self.partitions.values())

    def rows_per_second(self, now: float) -> float:
        """Return the rate over the newest commits, up to `now`: it falls by itself when nothing is committed."""
        if len(self.commits) < 2:
            return 0.0
        return sum(commit.rows for commit in self.commits[1:]) / max(now - self.commits[0].at, 0.001)


def after(status: Status, fact: Fact, now: float) -> Status:
    """Return the status after `fact`."""
    match fact:
        case Started():
            return replace(status, sink=fact.sink, dataset=fact.dataset, schema_version=fact.schema_version)
        case StateChanged():
            return replace(status, state=fact.state, state_reason=fact.reason)
        case Assigned() | Revoked() | LagSeen():
            return replace(status, partitions=follow(status.partitions, fact, now))
        case WatermarksMoved():
            return replace(status, watermarks={**status.watermarks, **fact.event_times})
        case Claimed():
            return replace(status, epoch=fact.epoch, partitions=follow(status.partitions, fact, now))
        case BatchRead():
            return replace(status, records=status.records + sum(fact.records.values()))
        case BatchLoaded():
            return _loaded(status, fact, now)
        case SchemaChanged():
            new = tuple(Evolved(now, fact.version, describe(change)) for change in fact.changes)
            return replace(status, schema_version=fact.version, changes=(*status.changes, *new)[-_CHANGES:])
        case StageStuck():
            return replace(status, stuck=replace(fact, stacks=""))
        case StageMoves():
            return replace(status, stuck=None)
        case TopicPaused(topic):
            since = status.paused[topic].since if topic in status.paused else now
            pause = TopicPause(since, fact.tries, now + fact.wait_seconds)
            return replace(status, paused={**status.paused, topic: pause})
        case TopicResumed(topic):
            return replace(status, paused={name: each for name, each in status.paused.items() if name != topic})
        case Retrying():
            return replace(status, retries=status.retries + 1)
        case _:
            return status


def _loaded(status: Status, fact: BatchLoaded, now: float) -> Status:
    receipt = fact.receipt
    commit = Commit(now, receipt.step.load_id, sum(receipt.rows.values()), sum(fact.rejects.values()), receipt.seconds)
    return replace(
        status,
        batches=status.batches + 1,
        rows=_sum(status.rows, receipt.rows),
        rejects=_sum(status.rejects, fact.rejects),
        reject_samples={**status.reject_samples, **fact.reject_samples},
        partitions=follow(status.partitions, fact, now),
        commits=(*status.commits, commit)[-_COMMITS:],
        freshness=status.freshness if fact.oldest_event is None else max(0.0, now - fact.oldest_event),
    )


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> Mapping[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in sorted({*left, *right})}


class StatusBoard:
    """An observer that keeps the newest `Status`. Reading `status` from another thread is safe."""

    def __init__(self, pipeline: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.status = Status(pipeline, clock())

    def observe(self, fact: Fact) -> None:
        """Replace the status by the one after `fact`."""
        self.status = after(self.status, fact, self._clock())
