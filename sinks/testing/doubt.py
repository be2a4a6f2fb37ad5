"""Doubt: the answer to a commit was lost, and the ledger knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from checkpoints import Fenced
from checkpoints.testing import A, at, step
from sinks.contract import Sink
from sinks.errors import InDoubt
from sinks.testing.builders import ORDERS, batch, claimed, data_step, grown
from sinks.testing.suite import SinkSuite, Warehouse

Cut: TypeAlias = Callable[[Sink], None]


class DoubtContract(SinkSuite):
    """What a sink tells when its commit is cut off: before the destination hears of it, or before it answers."""

    @pytest.fixture
    def lose_request(self) -> Cut:
        raise NotImplementedError("a subclass gives what loses a sink's next commit on its way to the destination")

    @pytest.fixture
    def lose_answer(self) -> Cut:
        raise NotImplementedError("a subclass gives what loses the answer to a sink's next commit")

    async def test_a_lost_answer_is_doubt_and_the_load_has_landed(
        self, sink: Sink, warehouse: Warehouse, lose_answer: Cut
    ) -> None:
        schema = await grown(sink, ORDERS)
        rows, forward = batch(schema, {"orders": [{"n": 1}]}), step(await claimed(sink, 0), {A: 1})
        lose_answer(sink)
        with pytest.raises(InDoubt):
            await sink.load(rows, forward)
        assert await sink.is_committed(forward.load_id)
        with pytest.raises(Fenced):
            await sink.load(rows, forward)
        assert (len(await warehouse.read("orders")), (await sink.positions(["orders"])).position) == (1, at(1))

    async def test_a_lost_request_is_doubt_and_the_load_may_be_repeated(
        self, sink: Sink, warehouse: Warehouse, lose_request: Cut
    ) -> None:
        schema = await grown(sink, ORDERS)
        rows, forward = batch(schema, {"orders": [{"n": 1}]}), step(await claimed(sink, 0), {A: 1})
        lose_request(sink)
        with pytest.raises(InDoubt):
            await sink.load(rows, forward)
        assert not await sink.is_committed(forward.load_id)
        await sink.load(rows, forward)
        assert (len(await warehouse.read("orders")), (await sink.positions(["orders"])).position) == (1, at(1))

    async def test_data_that_is_not_kafka_is_told_by_its_load_id(
        self, sink: Sink, warehouse: Warehouse, lose_answer: Cut
    ) -> None:
        schema = await grown(sink, ORDERS)
        lose_answer(sink)
        with pytest.raises(InDoubt):
            await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("package-1"))
        assert await sink.is_committed("package-1")
        with pytest.raises(Fenced):
            await sink.load(batch(schema, {"orders": [{"n": 1}]}), data_step("package-1"))
        assert len(await warehouse.read("orders")) == 1
