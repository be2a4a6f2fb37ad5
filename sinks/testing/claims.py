"""Claims and fences: a sink keeps positions as every store does, and between connections too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping

import anyio
import pytest

from checkpoints import Checkpoint, CheckpointStore, Claim, Known, Partition, Position
from checkpoints.testing import ORIGINS, A, B, StoreContract, at, step
from sinks.contract import Batch, Sink
from sinks.testing.builders import claimed, settled
from sinks.testing.suite import SinkSuite, Warehouse


class SinkStore:
    """A `CheckpointStore` made of sinks, one per owner, so that the suite of all stores tests a sink's positions."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._sinks: dict[str, Sink] = {}
        self._owners: dict[int, str] = {}

    async def positions(self, topics: Collection[str]) -> Known:
        """Return what the destination remembers of `topics`."""
        return await (await self._sink_of("reader")).positions(topics)

    async def claim(
        self, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str], *, owner: str
    ) -> Claim:
        """Claim through the sink of `owner`."""
        claim = await (await self._sink_of(owner)).claim(partitions, starts, origins)
        self._owners[claim.epoch] = owner
        return claim

    async def commit(self, step: Checkpoint) -> None:
        """Load nothing, through the sink that claimed the step's epoch."""
        sink = await self._sink_of(self._owners.get(step.epoch, "reader"))
        await sink.load(Batch(), step)

    async def aclose(self) -> None:
        """Close all sinks."""
        for sink in self._sinks.values():
            await sink.aclose()

    async def _sink_of(self, owner: str) -> Sink:
        if owner not in self._sinks:
            self._sinks[owner] = self._warehouse.connect(owner)
            await self._sinks[owner].open()
        return self._sinks[owner]


class ClaimContract(SinkSuite, StoreContract):
    """All that `StoreContract` says, and what only shows with several connections."""

    @pytest.fixture
    async def store(self, warehouse: Warehouse) -> AsyncIterator[CheckpointStore]:
        store = SinkStore(warehouse)
        yield store
        await store.aclose()

    async def test_opening_again_changes_nothing(self, sink: Sink) -> None:
        claim = await claimed(sink, 0)
        await sink.load(Batch(), step(claim, {A: 3}))
        await sink.open()
        assert (await sink.positions(["orders"])).position == at(3)

    async def test_two_may_open_at_once(self, warehouse: Warehouse) -> None:
        sinks = [warehouse.connect("one"), warehouse.connect("two")]
        async with anyio.create_task_group() as tasks:
            for sink in sinks:
                tasks.start_soon(settled, sink.open)
        known = [(await sink.positions(["orders"])).position for sink in sinks]
        for sink in sinks:
            await sink.aclose()
        assert known == [Position(), Position()]

    async def test_two_claims_at_once_get_two_epochs(self, sink: Sink, other: Sink) -> None:
        epochs: list[int] = []

        async def claim(by: Sink) -> None:
            epochs.append((await settled(lambda: by.claim([A, B], at(0, 0), ORIGINS))).epoch)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(claim, sink)
            tasks.start_soon(claim, other)
        assert len(set(epochs)) == 2

    async def test_a_claim_is_seen_by_whoever_opens_later(self, warehouse: Warehouse, sink: Sink) -> None:
        await claimed(sink, 5, 7)
        later = warehouse.connect("later")
        await later.open()
        known = await later.positions(["orders"])
        await later.aclose()
        assert (known.position, dict(known.origins)) == (at(5, 7), ORIGINS)

    async def test_pipelines_of_one_dataset_have_positions_of_their_own(self, warehouse: Warehouse, sink: Sink) -> None:
        neighbour = warehouse.connect("neighbour", "another pipeline")
        await neighbour.open()
        claim = await claimed(sink, 0)
        await claimed(neighbour, 100)
        await sink.load(Batch(), step(claim, {A: 3}))
        positions = [(await s.positions(["orders"])).position for s in (sink, neighbour)]
        await neighbour.aclose()
        assert positions == [at(3), at(100)]

    async def test_closing_twice_is_safe(self, sink: Sink) -> None:
        await sink.aclose()
        await sink.aclose()
