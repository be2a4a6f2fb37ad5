"""Events through the pure stages into a sink, and what a table that merges must hold after them: the plain model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from checkpoints import Checkpoint, OffsetRange, Partition
from sinks import Batch, Sink
from stream.config.models import Config
from stream.config.topics import Topic
from stream.model import PartitionRecords, RawBatch
from stream.runtime.prepare import Preparer

TOPIC: Final = "orders"
NOON: Final = 1_772_366_400_000  # 2026-03-01T12:00:00Z, in milliseconds


@dataclass(frozen=True, slots=True)
class Event:
    """One record; `value` None is a tombstone of `key`. Its time is a minute for each `tick` after noon."""

    partition: int
    offset: int
    tick: int
    key: Any
    value: Any

    @property
    def record(self) -> tuple[bytes | None, bytes | None]:
        """Return the record's key and value."""
        key = None if self.key is None else json.dumps(self.key).encode()
        return key, None if self.value is None else json.dumps(self.value).encode()


class Loader:
    """Loads batches of events of the topic `orders`, as its settings say."""

    def __init__(self, sink: Sink, settings: Topic) -> None:
        self._sink = sink
        self._preparer = Preparer(Config(topics={TOPIC: settings}), sink.capabilities)
        self._loads = 0
        self.refused: dict[str, str] = {}

    async def load(self, events: Sequence[Event]) -> None:
        """Load one batch."""
        self._loads += 1
        load_id = f"load-{self._loads}"
        schema = await self._sink.schema()
        decoded = self._preparer.decode(RawBatch(tuple(_parts(events))))
        tables = self._preparer.normalize(decoded.documents, schema, load_id)
        evolved = self._preparer.evolve(schema, tables)
        evolved = self._preparer.settle(evolved, decoded.tombstones, datetime.fromtimestamp(NOON / 1000, UTC))
        self.refused |= {row_id: misfit.reason for row_id, misfit in evolved.refused.items()}
        if evolved.plan:
            await self._sink.apply(evolved.plan)
        batch = Batch(evolved.tables, decoded.rejects, evolved.plan.target.version, evolved.deletes)
        await self._sink.load(batch, Checkpoint("shop", load_id))


def newest(events: Iterable[Event], key: str = "id", flag: str = "gone") -> dict[Any, Any]:
    """Return the value of each key after all events: the last in time wins, whatever came when."""
    state: dict[Any, Any] = {}
    for event in sorted(events, key=lambda event: (event.tick, event.partition, event.offset)):
        if event.value is None:
            state.pop(event.key, None)
        elif event.value.get(key) is None:
            continue
        elif event.value.get(flag):
            state.pop(event.value[key], None)
        else:
            state[event.value[key]] = event.value
    return state


Versions: TypeAlias = dict[Any, list[tuple[int, int | None, Any, list[Any]]]]
"""By key, in order: from which tick a version is valid, until which (None: still), its note, and the sku of items."""


def versions(events: Iterable[Event], key: str = "id", flag: str = "gone") -> Versions:
    """Return the versions of each key: each event is one, unless it says what was said, or deletes."""
    found: Versions = {}
    for event in sorted(events, key=lambda event: (event.tick, event.partition, event.offset)):
        said = event.value or {}
        deleted = event.value is None or bool(said.get(flag))
        name = event.key if event.value is None else said.get(key)
        if name is None:
            continue
        told = found.setdefault(name, [])
        content = said.get("note"), [item["sku"] for item in said.get("items", [])]
        is_open = bool(told) and told[-1][1] is None
        if is_open and not deleted and told[-1][2:] == content:
            continue
        if is_open:
            told[-1] = (told[-1][0], event.tick, *told[-1][2:])
        if not deleted:
            told.append((event.tick, None, *content))
    return {name: told for name, told in found.items() if told}


def versions_in(rows: Sequence[dict[str, Any]], items: Sequence[dict[str, Any]]) -> Versions:
    """Return the versions of each key in `orders` and `orders__items`; fail where ids are no ids."""
    ids = {row["_hr_id"] for row in rows}
    assert len(ids) == len(rows)
    assert len({item["_hr_id"] for item in items}) == len(items)
    assert {item["_hr_root_id"] for item in items} <= ids
    assert all(item["_hr_parent_id"] == item["_hr_root_id"] for item in items)
    found: Versions = {}
    for row in sorted(rows, key=lambda row: row["_hr_valid_from"]):
        mine = sorted((item["_hr_list_idx"], item.get("sku")) for item in items if item["_hr_root_id"] == row["_hr_id"])
        until = None if row["_hr_valid_to"] is None else _tick(row["_hr_valid_to"])
        version = _tick(row["_hr_valid_from"]), until, row.get("note"), [sku for _, sku in mine]
        found.setdefault(row["id"], []).append(version)
    return found


def _tick(moment: datetime) -> int:
    return round(moment.timestamp() - NOON / 1000) // 60


def _parts(events: Sequence[Event]) -> Iterable[PartitionRecords]:
    for number in sorted({event.partition for event in events}):
        mine = sorted((event for event in events if event.partition == number), key=lambda event: event.offset)
        records = [event.record for event in mine]
        yield PartitionRecords(
            OffsetRange(Partition(TOPIC, number), mine[0].offset, mine[-1].offset + 1),
            [event.offset for event in mine],
            [NOON + event.tick * 60_000 for event in mine],
            [key for key, _ in records],
            [value for _, value in records],
        )
