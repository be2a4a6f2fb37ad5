"""The destination's circuit breaker: paused while it is away, one try at a time, running after the first success."""

from __future__ import annotations

import json

import anyio
import pytest

from checkpoints import Partition
from sinks import SinkOptions, Transient
from sinks.memory import MemorySink, MemoryWarehouse
from stream.config.models import Batching, Config, Kafka, Retry
from stream.observe.facts import Retrying, StateChanged
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

pytestmark = pytest.mark.anyio
OUTAGE_TRIES, RECORDS = 6, 200


async def test_an_outage_opens_the_circuit_each_try_is_one_probe_and_the_first_success_closes_it():
    broker, warehouse, facts = MemoryBroker(), MemoryWarehouse(), []
    broker.create("orders")
    broker.produce(Partition("orders", 0), [json.dumps({"n": n}).encode() for n in range(RECORDS)])
    sink = MemorySink(warehouse, SinkOptions("shop", "shop", "me"))
    real, tries, at_once, most_at_once = sink.load, 0, 0, 0

    async def load(batch, step):
        nonlocal tries, at_once, most_at_once
        tries, at_once = tries + 1, at_once + 1
        most_at_once = max(most_at_once, at_once)
        await anyio.lowlevel.checkpoint()
        at_once -= 1
        if tries <= OUTAGE_TRIES:
            raise Transient("away")
        return await real(batch, step)

    sink.load = load
    config = Config(
        kafka=Kafka(topics=("orders",), until="latest"),
        batching=Batching(max_rows=20, max_age_seconds=0.01),
        retry=Retry(first_wait_seconds=0.001, max_wait_seconds=0.002),
    )
    with anyio.fail_after(20):
        await serve(
            "shop", config, sink, lambda config, budget: memory_source(broker, config.kafka, config.batching, budget),
            facts.append, stopping=anyio.Event(),
        )  # fmt: skip
    states = [fact.state for fact in facts if isinstance(fact, StateChanged)]
    assert states[:4] == ["starting", "running", "paused", "running"]
    assert sum(isinstance(fact, Retrying) for fact in facts) == OUTAGE_TRIES
    assert most_at_once == 1
    assert len(warehouse.table("orders")) == RECORDS
