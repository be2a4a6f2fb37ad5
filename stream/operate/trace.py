"""From a row back to its event: topic, partition, offset, load, and the bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from checkpoints import OffsetRange, Partition
from sinks import Schema
from sinks.audit import Audit, FoundRow
from sinks.ledger import LoadRow
from stream.config.models import Config
from stream.errors import ConfigError
from stream.model.times import time_of
from stream.normalize import Names
from stream.operate.scopes import topics_of
from stream.runtime.table_settings import TableSettings
from stream.source.log_reader import LogReader
from stream.transform import rules_for


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a row comes from. Of an event that the log no longer holds there is no timestamp, key or value.

    `withheld`: the event is there, and its key and value are not told, since its topic has private fields.
    """

    row: FoundRow
    topic: str | None
    load: LoadRow | None
    timestamp: datetime | None = None
    key: bytes | None = None
    value: bytes | None = None
    in_log: bool = False
    withheld: bool = False


async def trace(
    row_id: str, config: Config, audit: Audit, schema: Schema, reader: LogReader, *, raw: bool = False
) -> Trace:
    """Return where the row with that `_hr_id` comes from. Raises `ConfigError` when no table has it.

    `raw`: the bytes of events with private fields too, as Kafka has them.
    """
    states = await audit.states()
    found = await audit.find(row_id)
    if found is None:
        raise ConfigError(f"no table of the dataset has a row with _hr_id {row_id!r}")
    if found.partition is None or found.offset is None:
        return Trace(found, None, None)
    for topic in topics_of(states):
        if _table(config, schema, topic) == found.root_table:
            load = await _load(audit, Partition(topic, found.partition), found.offset)
            if load is not None:
                traced = await _with_event(found, topic, load, reader)
                return traced if raw or not _is_private(config, topic) else _withheld(traced)
    return Trace(found, None, None)


def _table(config: Config, schema: Schema, topic: str) -> str | None:
    names = Names(schema).tables()
    return names.given.get((None, (TableSettings(config).table(topic),)))


def _is_private(config: Config, topic: str) -> bool:
    return rules_for(TableSettings(config).topic(topic), b"").private


def _withheld(traced: Trace) -> Trace:
    return replace(traced, key=None, value=None, withheld=traced.in_log)


async def _load(audit: Audit, partition: Partition, offset: int) -> LoadRow | None:
    lines = await audit.ledger(partition, offset=offset, limit=1)
    return lines[0] if lines and lines[0].start_offset <= offset else None


async def _with_event(found: FoundRow, topic: str, load: LoadRow, reader: LogReader) -> Trace:
    partition, offset = Partition(topic, found.partition or 0), found.offset or 0
    nothing = Trace(found, topic, load)
    if partition not in await reader.partitions(topic):
        return nothing
    bounds = (await reader.bounds((partition,)))[partition]
    if not bounds.start <= offset < bounds.end:
        return nothing
    async for part in reader.records(OffsetRange(partition, offset, offset + 1)):
        for at, key, value in zip(part.timestamps, part.keys, part.values, strict=True):
            return Trace(found, topic, load, time_of(at), key, value, in_log=True)
    return nothing
