"""What a run would do with a sample: tables, changes, rejects. Nothing is moved, nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from checkpoints import OffsetRange, Partition
from sinks import Schema, SchemaPlan, Sink
from sinks.preview import Preview
from stream.config.models import Config
from stream.errors import ConfigError
from stream.model import PartitionRecords, RawBatch
from stream.runtime.imported_schema import plan_between, with_imported
from stream.runtime.prepare import Preparer
from stream.runtime.rejects import by_record, set_aside, skipped_with


@dataclass(frozen=True, slots=True)
class Plan:
    """What the records of a sample would make of a destination.

    `rows`: new rows by table. `rejected` and `skipped`: records by reason, with the first error of each reason.
    `statements`: the DDL that would run, in order.
    """

    topic: str
    records: int
    schema: SchemaPlan
    rows: Mapping[str, int]
    rejected: Mapping[str, int]
    errors: Mapping[str, str]
    skipped: Mapping[str, int]
    statements: tuple[str, ...]


async def plan_of(config: Config, sink: Sink, topic: str, raw: RawBatch, imported: Schema | None = None) -> Plan:
    """Return what a run under `config` would do with `raw`, records of `topic`.

    `imported` has tables and columns that a run would make first. Reads the stored schema of the destination and makes
    nothing there. Raises `ConfigError` for a destination that cannot tell what it would do.
    """
    if not isinstance(sink, Preview):
        raise ConfigError(f"a destination of kind {sink.capabilities.name} cannot tell what it would do")
    preparer = Preparer(config, sink.capabilities)
    decoded = preparer.decode(raw)
    stored = await sink.stored_schema()
    wanted = with_imported(stored, imported) if imported else stored
    evolved = preparer.evolve(wanted, preparer.normalize(decoded.documents, wanted, "plan"))
    plan = plan_between(stored, evolved.plan.target.tables) if imported else evolved.plan
    rejects = preparer.storable(decoded.rejects + set_aside(raw, by_record(raw, evolved.refused)))
    skipped: Counter[str] = Counter()
    for counts in skipped_with(decoded.skipped, by_record(raw, evolved.discarded)).values():
        skipped.update(counts)
    return Plan(
        topic,
        len(raw),
        plan,
        {name: table.num_rows for name, table in evolved.tables.items()},
        Counter(reject.reason for reject in rejects),
        {reject.reason: reject.error for reject in reversed(rejects)},
        skipped,
        sink.statements(plan),
    )


def records_of_lines(path: Path, topic: str) -> RawBatch:
    """Return the lines of a file as records of `topic`, one JSON document each; blank lines are left out.

    Raises `ConfigError` when the file cannot be read.
    """
    try:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"cannot read the sample {path}: {error.strerror}") from None
    part = PartitionRecords(
        OffsetRange(Partition(topic, 0), 0, len(lines)),
        range(len(lines)),
        [-1] * len(lines),
        [None] * len(lines),
        lines,
    )
    return RawBatch((part,))


def tables_of(schema: Schema, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the columns of these tables with their types, as text."""
    return {name: {c.name: str(c.type) for c in schema.tables[name].columns.values()} for name in names}
