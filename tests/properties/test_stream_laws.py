"""A law of streams: whatever drifts in, over a slow sink that conflicts, refuses and disconnects at random, a run ends
only where its source does, and each event is a row, a reject or a skip, once.
"""

from __future__ import annotations

import json
import random
from typing import Any

import anyio
import pytest
import stamina

from checkpoints import Fenced, Partition
from sinks import (
    AddColumn,
    Capabilities,
    Column,
    DataRefused,
    InDoubt,
    SchemaConflict,
    SchemaPlan,
    SinkOptions,
    TimedOut,
    Transient,
    WidenColumn,
)
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.schema import TEXT, Schema
from sinks.testing import one_at_a_time
from stream.config.models import Batching, Config, Kafka, Rejects, Retry, Tables
from stream.observe.facts import nobody
from stream.runtime import runner
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

pytestmark = pytest.mark.anyio
STREAMS, GROUPS = 1_000, 10  # the first hundred always, the others with `make test-all`
ORDERS = Partition("orders", 0)
SCALARS = (
    0,
    7,
    -1,
    2**53,
    2**60 + 1,
    2**70,
    0.5,
    3.0,
    1e300,
    "",
    "x",
    "007",
    "123",
    True,
    None,
    "2026-01-01T10:00:00Z",
)


class Storm(MemorySink):
    """A sink in bad weather, the same for the same seed."""

    def __init__(self, warehouse: MemoryWarehouse, chance: random.Random, max_columns: int) -> None:
        super().__init__(warehouse, SinkOptions("shop", "shop", "me"))
        self._chance = chance
        self._max_columns = max_columns
        self._other = MemorySink(warehouse, SinkOptions("shop", "shop", "other"))
        self._changes = 0
        self.refused: set[int] = set()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("memory", max_columns=self._max_columns)

    async def _weather(self, *errors: Exception) -> None:
        if self._chance.random() < 0.5:
            await anyio.sleep(0)
        if self._chance.random() < 0.1:
            raise self._chance.choice(errors)

    async def positions(self, topics: Any) -> Any:
        await self._weather(Transient("away"))
        return await super().positions(topics)

    async def claim(self, *args: Any) -> Any:
        await self._weather(Transient("away"))
        return await super().claim(*args)

    async def schema(self) -> Schema:
        await self._weather(Transient("away"))
        return await super().schema()

    async def can_widen(self, change: WidenColumn, *, max_rows: int) -> bool:
        stored = self._warehouse.schema.tables[change.table].columns
        assert stored[change.column.name].type == change.was, "asked about what is not applied"
        await self._weather(Transient("away"), TimedOut("slow"))
        return self._chance.random() < 0.7 and await super().can_widen(change, max_rows=max_rows)

    async def apply(self, plan: SchemaPlan) -> None:
        await self._weather(Transient("away"), TimedOut("slow"), SchemaConflict("busy"))
        if self._chance.random() < 0.05 and self._warehouse.schema.tables:
            self._somebody_else_changes_the_schema()
        await super().apply(plan)

    async def load(self, batch: Any, step: Any) -> Any:
        await self._weather(Transient("away"), InDoubt("lost"), SchemaConflict("moved"), Fenced("a newer claim"))
        if "orders" in batch.tables and self.refused & set(batch.tables["orders"]["_kafka_offset"].to_pylist()):
            raise DataRefused("not to my taste")
        receipt = await super().load(batch, step)
        await self._weather(InDoubt("the answer is lost"))
        return receipt

    async def is_committed(self, load_id: str) -> bool:
        await self._weather(Transient("away"))
        return await super().is_committed(load_id)

    def _somebody_else_changes_the_schema(self) -> None:
        base = self._warehouse.schema
        name = next(iter(base.tables))
        if len(base.tables[name].columns) >= self._max_columns - 1:
            return
        self._changes += 1
        column = Column(f"other_{self._changes}", TEXT)
        target = Schema(base.version + 1, {**base.tables, name: base.tables[name].adding(column)})
        assert SchemaPlan(base, target, (AddColumn(name, column),))
        self._warehouse.become(target)


def drifting(chance: random.Random) -> list[bytes | None]:
    """Return events whose fields come, go, change their types, nest and conflict; some are no events at all."""
    fields = [f"f{n}" for n in range(chance.randrange(2, 6))]
    events: list[bytes | None] = []
    for number in range(chance.randrange(8, 30)):
        if chance.random() < 0.2:
            fields.append(f"f{len(fields)}")
        if chance.random() < 0.1:
            fields = fields[1:] or fields
        event = {"uid": number, **{name: value(chance, 0) for name in fields if chance.random() < 0.7}}
        if chance.random() < 0.05:
            event["ids"] = {f"id{chance.randrange(10**6)}": 1 for _ in range(chance.randrange(1, 60))}
        events.append(chance.choice((b"{", b"", None)) if chance.random() < 0.05 else json.dumps(event).encode())
    return events


def value(chance: random.Random, depth: int) -> Any:
    if depth > 2 or chance.random() < 0.75:
        return chance.choice(SCALARS)
    if chance.random() < 0.5:
        return {f"k{chance.randrange(4)}": value(chance, depth + 1) for _ in range(3)}
    return [value(chance, depth + 1) for _ in range(chance.randrange(3))]


async def survive(seed: int) -> None:
    chance = random.Random(seed)
    broker, warehouse = MemoryBroker(), MemoryWarehouse()
    broker.create("orders")
    events = drifting(chance)
    broker.produce(ORDERS, events)
    config = Config(
        kafka=Kafka(topics=("orders",), until="latest"),
        batching=Batching(max_rows=chance.randrange(1, 6), max_age_seconds=0.001),
        retry=Retry(first_wait_seconds=0.0001, max_wait_seconds=0.0002),
        rejects=Rejects(max_consecutive=0, max_ratio=1),
        tables=Tables(overflow=chance.choice(("reject", "json"))),
    )
    sink = one_at_a_time(Storm(warehouse, chance, max_columns=chance.randrange(12, 60)))
    sink.refused = {offset for offset in range(len(events)) if chance.random() < 0.05}

    def open_source(config: Config, budget: Any) -> Any:
        return memory_source(broker, config.kafka, config.batching, budget, wants_headers=True)

    with anyio.fail_after(30):
        await serve("shop", config, sink, open_source, nobody, stopping=anyio.Event())
    rows = warehouse.table("orders").to_pylist() if "orders" in warehouse.schema.tables else []
    by_offset = {row["_kafka_offset"]: row for row in rows}
    rejected = [reject.offset for reject in warehouse.rejects]
    tombstones = [offset for offset, event in enumerate(events) if event is None]
    assert sorted([*(row["_kafka_offset"] for row in rows), *rejected, *tombstones]) == list(range(len(events)))
    assert all(row["uid"] == offset for offset, row in by_offset.items() if row.get("uid") is not None)
    assert not sink.refused & by_offset.keys()
    assert len({load.load_id for load in warehouse.loads}) <= len(events)


@pytest.mark.parametrize("group", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, GROUPS))])
async def test_a_drifting_stream_over_a_sink_in_bad_weather_loses_nothing_and_does_not_end(group, monkeypatch):
    stamina.instrumentation.set_on_retry_hooks(())
    monkeypatch.setattr(runner, "_FENCE_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(runner, "_MOST_FENCES", 1_000)
    for seed in range(group, STREAMS, GROUPS):
        try:
            await survive(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
