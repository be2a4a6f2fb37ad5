"""One durable step of one pipeline, with the state it expects to find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from checkpoints.position import OffsetRange, Partition, Position


@dataclass(frozen=True, slots=True)
class Span:
    """What became of one range: how many records it delivered, and how many of them are not rows.

    `len(range) - records` offsets are holes: compaction, aborted transactions, control records. `lost` marks a range
    that was gone from the log before anyone read it, and that the operator told us to go on without.
    """

    range: OffsetRange
    records: int
    rejected: int = 0
    skipped: int = 0
    lost: bool = False

    @property
    def holes(self) -> int:
        """Return how many offsets of the range held no record."""
        return len(self.range) - self.records


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A compare-and-set: advance from `since` to `upto` if the stored position is still `since` and `epoch` owns it.

    The expected state travels with the wish, so nobody can forget the compare-and-set. `load_id` names the commit
    in the ledger and is unique for ever; a step without spans (data that is not Kafka) is guarded by it alone.
    """

    pipeline: str
    load_id: str
    since: Position = field(default_factory=Position)
    upto: Position = field(default_factory=Position)
    epoch: int = 0
    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if set(self.since.next) != set(self.upto.next):
            raise ValueError(f"load {self.load_id}: since and upto must speak of the same partitions")
        for partition, start in self.since.next.items():
            if self.upto.next[partition] < start:
                raise ValueError(f"load {self.load_id}: {partition} would fall back from offset {start}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a store remembers of some topics: positions, and each topic's `origin` (identity of cluster and topic)."""

    position: Position = field(default_factory=Position)
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to move some partitions: valid until somebody claims one of them with a higher epoch.

    `attempts` counts, per partition, how many other owners claimed it since it last moved: two or more means that
    its last two owners died (or left) without a commit.
    """

    position: Position
    epoch: int
    attempts: Mapping[Partition, int] = field(default_factory=dict)
