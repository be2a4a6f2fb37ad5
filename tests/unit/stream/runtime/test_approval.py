"""A yes before tables change: what a no leaves behind, and that nobody is asked twice."""

from __future__ import annotations

import json

import anyio
import pytest

from checkpoints import Partition
from sinks import SchemaPlan, SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.schema import TEXT, Schema
from sinks.testing.builders import plan, table
from stream.config.models import Batching, Config, Kafka
from stream.errors import SchemaRefused
from stream.observe.facts import nobody
from stream.runtime.approval import Approval
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

pytestmark = pytest.mark.anyio
ORDERS = Partition("orders", 0)


class Stage:
    """A topic, a warehouse, and somebody who answers."""

    def __init__(self) -> None:
        self.broker, self.warehouse = MemoryBroker(), MemoryWarehouse()
        self.broker.create("orders", 1)
        self.asked: list[SchemaPlan] = []
        self.config = Config(kafka=Kafka(topics=("orders",), until="latest"), batching=Batching(max_age_seconds=0.01))

    def produce(self, *values: object) -> None:
        self.broker.produce(ORDERS, [json.dumps(value).encode() for value in values])

    async def run(self, *, answer: bool) -> None:
        async def ask(wanted: SchemaPlan, statements: tuple[str, ...]) -> bool:
            self.asked.append(wanted)
            return answer

        def open_source(config, budget):
            return memory_source(self.broker, config.kafka, config.batching, budget)

        sink = MemorySink(self.warehouse, SinkOptions("shop", "shop", "me"))
        with anyio.fail_after(20):
            await serve("shop", self.config, sink, open_source, nobody, stopping=anyio.Event(), approve=ask)

    @property
    def rows(self) -> list[int]:
        return sorted(row["id"] for row in self.warehouse.table("orders").to_pylist())


async def test_a_no_ends_the_run_and_leaves_nothing_behind() -> None:
    stage = Stage()
    stage.produce({"id": 1})
    with pytest.raises(SchemaRefused, match="new table orders"):
        await stage.run(answer=False)
    assert (stage.warehouse.schema, stage.warehouse.loads) == (Schema(), [])


async def test_after_a_yes_the_next_run_goes_on_at_the_same_offsets() -> None:
    stage = Stage()
    stage.produce({"id": 1}, {"id": 2})
    with pytest.raises(SchemaRefused):
        await stage.run(answer=False)
    await stage.run(answer=True)
    assert stage.rows == [1, 2]


async def test_events_that_change_nothing_are_loaded_without_a_question() -> None:
    stage = Stage()
    stage.produce({"id": 1})
    await stage.run(answer=True)
    stage.produce({"id": 2})
    await stage.run(answer=False)
    assert (stage.rows, len(stage.asked)) == ([1, 2], 1)


async def test_what_was_granted_is_not_asked_for_again() -> None:
    asked: list[SchemaPlan] = []

    async def ask(wanted: SchemaPlan, statements: tuple[str, ...]) -> bool:
        asked.append(wanted)
        return True

    approval = Approval(MemorySink(MemoryWarehouse(), SinkOptions("shop", "shop", "me")), ask)
    wanted = plan(Schema(), table("orders", note=TEXT))
    await approval.check(wanted)
    await approval.check(wanted)
    assert asked == [wanted]
