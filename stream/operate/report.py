"""What a check found, as values that JSON can hold and people can read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from checkpoints import Partition

Kind = Literal[
    "missing",
    "twice",
    "altered",
    "stranger",
    "beyond_position",
    "position",
    "ledger",
    "unexplained_hole",
    "count",
    "child_lost",
    "child_stranger",
    "key_twice",
    "not_newest",
    "undeleted",
]

MOST_EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: in `start`..`stop` of a partition, that many `records`.

    `examples` are some of the offsets, or of the row ids.
    """

    kind: Kind
    topic: str
    partition: int | None
    start: int | None
    stop: int | None
    records: int
    text: str
    examples: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What was checked of one partition, and what its offsets became.

    `read` counts the records that Kafka was asked for: none where rows and rejects account for each offset.
    """

    partition: int
    start: int
    stop: int
    rows: int
    rejects: int
    skipped: int
    holes: int
    lost: int
    gone: int  # offsets that the log does not hold any more, and that the ledger alone speaks for
    read: int = 0


@dataclass(frozen=True, slots=True)
class TopicReport:
    """One topic: its table and partitions. `notes` say what could not be checked, and why."""

    topic: str
    table: str | None
    partitions: tuple[PartitionReport, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The whole check."""

    pipeline: str
    dataset: str
    topics: tuple[TopicReport, ...]
    findings: tuple[Finding, ...]
    seconds: float = 0.0
    deep: bool = False

    @property
    def holds(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {"holds": self.holds, **asdict(self)}


@dataclass(slots=True)
class Findings:
    """Findings as they are made."""

    made: list[Finding] = field(default_factory=list)

    def add(
        self, kind: Kind, partition: Partition, start: int, stop: int, text: str, examples: Iterable[int | str] = ()
    ) -> None:
        """Add a finding; `examples` are all of its offsets, of which some are kept."""
        some = tuple(examples)
        records = max(len(some), 1)
        self.made.append(
            Finding(kind, partition.topic, partition.number, start, stop, records, text, some[:MOST_EXAMPLES])
        )
