"""A running pipeline follows what operators wish of it: it pauses, goes on, and goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from checkpoints import Checkpoint, Partition, Position
from sinks import Receipt, SinkOptions
from sinks.audit import TopicScope
from sinks.memory import MemorySink
from stream.observe.facts import Assigned, BatchLoaded, Claimed, LagSeen, LogBounds, Revoked, StateChanged
from stream.runtime import steering
from stream.runtime.watermarks import Watermarks
from unit.stream.runtime.test_serve import ORDERS, Stage

pytestmark = pytest.mark.anyio
OTHER = Partition("orders", 1)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(steering, "ASK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr("stream.runtime.runner._FENCE_WAIT_SECONDS", 0.01)
    made = Stage()
    made.config = made.config.model_copy(update={"kafka": made.config.kafka.model_copy(update={"until": None})})
    return made


def audit_of(stage: Stage):
    return MemorySink(stage.warehouse, SinkOptions("shop", "shop", "ops")).audit()


async def until(reached) -> None:
    with anyio.fail_after(10):
        while not reached():
            await anyio.sleep(0.005)


def paused(stage: Stage) -> bool:
    states = [fact.state for fact in stage.told(StateChanged) if fact.state in ("paused", "running")]
    return states[-1:] == ["paused"]


def held(stage: Stage) -> list[int]:
    if "orders" not in stage.warehouse.schema.tables:
        return []
    return [row["_kafka_offset"] for row in stage.rows()]


async def test_a_paused_pipeline_reads_on_when_it_is_resumed(stage: Stage) -> None:
    audit, stopping = audit_of(stage), anyio.Event()
    stage.produce({"n": 0})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run, None, stopping)
        await until(lambda: held(stage) == [0])
        await audit.pause("maintenance")
        await until(lambda: paused(stage))
        stage.produce({"n": 1})
        await until(lambda: held(stage) == [0, 1])  # the one that was asked for already
        stage.produce({"n": 2})
        await anyio.sleep(0.1)
        assert held(stage) == [0, 1]
        await audit.pause(None)
        await until(lambda: held(stage) == [0, 1, 2])
        stopping.set()


async def test_a_paused_pipeline_drains(stage: Stage) -> None:
    stopping = anyio.Event()
    await audit_of(stage).pause("maintenance")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run, None, stopping)
        await until(lambda: paused(stage))
        stopping.set()
    assert stage.told(StateChanged)[-1].state == "stopped"


async def test_an_idle_pipeline_notices_a_rewind_and_loads_again(stage: Stage) -> None:
    stopping = anyio.Event()
    stage.produce(*({"n": n} for n in range(5)))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run, None, stopping)
        await until(lambda: len(held(stage)) == 5)
        done = await audit_of(stage).rewind((TopicScope("orders", "orders"),), {ORDERS: 2}, "ops")
        assert done.partitions[0].rows == 3
        await until(lambda: sorted(held(stage)) == [0, 1, 2, 3, 4])
        stopping.set()
    assert [row.start_offset for row in stage.warehouse.loads if row.partition == 0] == [0, 2]


def loaded(upto: int, newest: float) -> BatchLoaded:
    step = Checkpoint("shop", f"load-{upto}", Position({ORDERS: 0}), Position({ORDERS: upto}))
    return BatchLoaded(Receipt(step, {"orders": upto}, 0, 0.1), newest_event={ORDERS: newest})


def marks(*facts: object, now: float = 1_000.0) -> dict[Partition, float]:
    watermarks = Watermarks(10.0, lambda: now)
    for fact in (Assigned(frozenset({ORDERS})), Claimed(Position({ORDERS: 0}), 1), *facts):
        watermarks.observe(fact)
    return dict(watermarks.moved())


def test_a_watermark_is_the_newest_event_less_the_delay() -> None:
    assert marks(loaded(5, 500.0)) == {ORDERS: 490.0}


def test_a_log_that_was_read_to_its_end_moves_the_watermark_with_the_clock() -> None:
    assert marks(loaded(5, 500.0), LagSeen({ORDERS: LogBounds(0, 5)})) == {ORDERS: 990.0}


def test_a_log_that_is_behind_does_not() -> None:
    assert marks(loaded(5, 500.0), LagSeen({ORDERS: LogBounds(0, 9)})) == {ORDERS: 490.0}


def test_a_partition_that_was_given_away_has_no_watermark_of_ours() -> None:
    assert marks(loaded(5, 500.0), Revoked(frozenset({ORDERS}))) == {}


def test_a_claim_forgets_what_may_have_been_rewound() -> None:
    assert marks(LagSeen({ORDERS: LogBounds(0, 9)}), loaded(5, 500.0), Claimed(Position({ORDERS: 2}), 2)) == {}


async def test_watermarks_are_in_the_destination(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.runtime.watermarks.WRITE_EVERY_SECONDS", 0.01)
    audit, stopping = audit_of(stage), anyio.Event()
    stage.produce({"n": 0})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.run, None, stopping)
        await until(lambda: len(stage.warehouse.watermarks) == 2)
        stopping.set()
    age = datetime.now(UTC) - min(mark.event_time for mark in await audit.watermarks())
    assert timedelta(seconds=10) <= age < timedelta(seconds=60)
