"""What happened, as frozen values: the runner emits them, observers count, log and show them.

An observer is called on the event loop and must return at once; it never raises and never decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from checkpoints import OffsetRange, Partition, Position
from sinks import Change, Receipt

State = Literal["starting", "running", "paused", "draining", "failed", "stopped"]
Stage = Literal["poll", "decode", "normalize", "evolve", "load"]
FlushCause = Literal["rows", "bytes", "age", "revoke", "shutdown"]
RetryReason = Literal["connect", "transient", "in_doubt", "schema_conflict", "source", "registry"]
GapKind = Literal["retention", "truncation", "recreated"]


@dataclass(frozen=True, slots=True)
class Started:
    """Source and destination are open. `sink` is the destination's kind (`duckdb`), never its URL."""

    sink: str
    dataset: str
    topics: tuple[str, ...] = ()
    schema_version: int = 0
    tables: tuple[str, ...] = ()  # those that are there already
    unmatched: tuple[str, ...] = ()  # patterns of the setting `topics` that match none of the topics


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The pipeline is in another state now; `reason` says why in a few words."""

    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The group gave us `partitions` (maybe none); `topics` says how many partitions each topic has in all."""

    partitions: frozenset[Partition]
    topics: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revoked:
    """These partitions are no longer ours: given back, or `lost` without being asked."""

    partitions: frozenset[Partition]
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """The destination gave us the right to write under `epoch`, from `position` on."""

    position: Position
    epoch: int


@dataclass(frozen=True, slots=True)
class BatchRead:
    """One batch came from the source: records and bytes by topic, and which bound ended it."""

    records: Mapping[str, int]
    nbytes: Mapping[str, int]
    cause: FlushCause


@dataclass(frozen=True, slots=True)
class StageTimed:
    """One stage spent that long on one batch."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True)
class SchemaChanged:
    """The destination has new tables, columns or types, and stands at `version`."""

    changes: tuple[Change, ...]
    version: int


@dataclass(frozen=True, slots=True)
class RejectSample:
    """One record set aside, as people may read it: where it is, what was wrong, and how its value begins."""

    partition: Partition
    offset: int
    error: str
    value: str


@dataclass(frozen=True, slots=True)
class BatchLoaded:
    """Rows, rejects and position of one batch are durable.

    `rejects`: by reason. `skipped`: by topic, then by reason. `nbytes`: by table. Event times are
    seconds since 1970: `newest_event` per partition that had one, `oldest_event` over the whole batch.
    """

    receipt: Receipt
    rejects: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    newest_event: Mapping[Partition, float] = field(default_factory=dict)
    oldest_event: float | None = None
    nbytes: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Values, and rows of child tables, that a contract discarded while their records were loaded, by table."""
    deletes: Mapping[str, int] = field(default_factory=dict)
    """Keys for which the batch brought a delete, by table that merges."""
    reject_samples: Mapping[str, RejectSample] = field(default_factory=dict)
    """The last record set aside for each reason, where the user wants to see them."""


@dataclass(frozen=True, slots=True)
class BatchAbandoned:
    """A batch that was read is dropped without a trace in the destination; whoever owns it next reads it again."""

    records: Mapping[str, int]  # by topic


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """A commit did not succeed: it failed, nobody knows yet, or a newer owner fenced it."""

    outcome: Literal["failed", "unknown", "fenced"]
    error: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Retrying:
    """The same again, after `wait_seconds`. `error` is for people."""

    reason: RetryReason
    wait_seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class SourceAnswered:
    """The broker answers again, after at least one `Retrying` with the reason `source`."""


@dataclass(frozen=True, slots=True)
class SourceWaiting:
    """There is nothing to read yet; `reason` says what is waited for. Told once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """A durable position could not be mirrored to the consumer group: lag tools see an old one. Told once."""

    error: str


@dataclass(frozen=True, slots=True)
class FencedOut:
    """A newer claim owns our partitions; buffers are dropped and the partitions claimed again."""

    error: str


@dataclass(frozen=True, slots=True)
class GapAccepted:
    """These offsets are gone from the log, and we go on without them because we were told to."""

    kind: GapKind
    range: OffsetRange


@dataclass(frozen=True, slots=True)
class Isolated:
    """The last owners died on this range: its records are taken one at a time until the one that kills is found."""

    range: OffsetRange
    attempts: int


@dataclass(frozen=True, slots=True)
class BackPressure:
    """A batch that was read waited that long until the stages after it had room."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BufferChanged:
    """That many bytes are read and not yet committed, of at most `limit_bytes`."""

    nbytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The first offset a partition still holds, and the next one it will deliver (the last stable offset).

    `high_watermark` is the end of what is written: past `end` while a transaction is open. None: nobody told.
    """

    start: int
    end: int
    high_watermark: int | None = None


@dataclass(frozen=True, slots=True)
class LagSeen:
    """What the broker says of the logs we read."""

    bounds: Mapping[Partition, LogBounds]


@dataclass(frozen=True, slots=True)
class WatermarksMoved:
    """The destination knows by now: all records of these partitions up to that event time are in the tables."""

    event_times: Mapping[Partition, float]  # seconds since 1970


@dataclass(frozen=True, slots=True)
class StageStuck:
    """A stage has made no progress with its batch for `seconds`; told again while that lasts.

    `stacks`: where each thread is, the first time only.
    """

    stage: Stage
    seconds: float
    stacks: str = ""


@dataclass(frozen=True, slots=True)
class StageMoves:
    """No stage is stuck any more, after at least one `StageStuck`."""


@dataclass(frozen=True, slots=True)
class TopicPaused:
    """A topic's table cannot take its rows: it is left out, and tried again after `wait_seconds`; the others go on."""

    topic: str
    error: str
    wait_seconds: float
    tries: int  # that failed in a row


@dataclass(frozen=True, slots=True)
class TopicResumed:
    """A topic that was paused flows again, or is somebody else's now."""

    topic: str


@dataclass(frozen=True, slots=True)
class LoopTicked:
    """The event loop is alive, and came `lag_seconds` later than it was asked to."""

    lag_seconds: float


Fact: TypeAlias = (
    Started
    | StateChanged
    | Assigned
    | Revoked
    | Claimed
    | BatchRead
    | StageTimed
    | SchemaChanged
    | BatchLoaded
    | BatchAbandoned
    | CommitFailed
    | Retrying
    | SourceAnswered
    | SourceWaiting
    | Unacknowledged
    | FencedOut
    | GapAccepted
    | Isolated
    | BackPressure
    | BufferChanged
    | LagSeen
    | WatermarksMoved
    | StageStuck
    | StageMoves
    | TopicPaused
    | TopicResumed
    | LoopTicked
)

Observer: TypeAlias = Callable[[Fact], None]


def to_all(*observers: Observer) -> Observer:
    """Return one observer that tells every fact to each of `observers`, in order."""

    def observe(fact: Fact) -> None:
        for observer in observers:
            observer(fact)

    return observe


def nobody(fact: Fact) -> None:
    """Take a fact and do nothing: for runs that nobody watches."""
