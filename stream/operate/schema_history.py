"""What changed in a schema, when, by which load and at which offset: from the versions that a destination keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from sinks import Schema
from sinks.audit import Audit, StoredSchema
from stream.errors import ConfigError
from stream.operate.schema_diff import Difference, differences

MOST_VERSIONS: Final = 1_000  # each is a whole document; a destination keeps 20 once its ledger was folded


@dataclass(frozen=True, slots=True)
class FirstRange:
    """The offsets of one partition in the first load that wrote under a version; offsets are `start` up to `stop`."""

    topic: str
    partition: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """One version and what it changed; `changes` is None for the oldest one that is kept, unless it is the first."""

    version: int
    version_hash: str
    pipeline: str
    created_at: datetime | None
    load_id: str | None
    ranges: tuple[FirstRange, ...]
    changes: tuple[Difference, ...] | None


async def history(audit: Audit, limit: int) -> tuple[SchemaStep, ...]:
    """Return the newest versions that are kept, newest first, each with what it changed."""
    stored = await audit.stored_schemas(min(limit, MOST_VERSIONS) + 1)
    steps = [_step(newer, older.schema) for newer, older in pairwise(stored)]
    if stored and len(stored) <= limit:
        steps.append(_step(stored[-1], Schema() if stored[-1].schema.version == 1 else None))
    return tuple(steps)


async def version_of(audit: Audit, version: int | None) -> StoredSchema:
    """Return that version, or the newest one. Raises `ConfigError` when it is not kept."""
    stored = await audit.stored_schemas(1 if version is None else MOST_VERSIONS)
    found = next((each for each in stored if version in (None, each.schema.version)), None)
    if found is None:
        raise ConfigError(_not_kept(version, stored))
    return found


def _not_kept(version: int | None, stored: Sequence[StoredSchema]) -> str:
    if not stored:
        return "the destination holds no schema yet: nothing was loaded into this dataset"
    newest, oldest = stored[0].schema.version, stored[-1].schema.version
    return f"version {version} of the schema is not in the destination: it keeps {oldest} to {newest}"


def _step(stored: StoredSchema, before: Schema | None) -> SchemaStep:
    lines = [line for line in stored.loads if line.topic]  # data that is not Kafka has no offsets
    return SchemaStep(
        stored.schema.version,
        stored.version_hash,
        stored.pipeline,
        stored.created_at,
        stored.loads[0].load_id if stored.loads else None,
        tuple(FirstRange(line.topic, line.partition, line.start_offset, line.stop_offset) for line in lines),
        None if before is None else differences(before, stored.schema),
    )
