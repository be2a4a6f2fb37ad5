"""What the suite asks of a subclass: a warehouse, fresh for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from checkpoints.testing import PIPELINE
from sinks.contract import Sink
from sinks.testing.one_at_a_time import one_at_a_time


class Warehouse(Protocol):
    """One empty dataset somewhere, and the two things a test needs beside a sink: more sinks, and a look inside."""

    def connect(self, owner: str, pipeline: str = PIPELINE) -> Sink:
        """Return a sink onto the dataset for that owner and pipeline, not yet opened."""
        ...

    async def read(self, table: str) -> list[dict[str, object]]:
        """Return the rows of a table of the dataset, in any order, as a connection apart from all sinks sees them.

        Values as `pyarrow.Table.to_pylist` gives them for the column's Arrow type: timestamps aware and in UTC, JSON
        as text, binaries as `bytes`. A column that the sink keeps for itself is left out.
        """
        ...


@asynccontextmanager
async def opened(sink: Sink) -> AsyncIterator[Sink]:
    """Open a sink for the time of a block; see `one_at_a_time`."""
    one_at_a_time(sink)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.aclose()


class SinkSuite:
    """Fixtures of all sink tests. `sink` and `other` are opened on the same dataset, by two owners."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def warehouse(self) -> Warehouse:
        raise NotImplementedError("a subclass gives a warehouse with an empty dataset")

    @pytest.fixture
    async def sink(self, warehouse: Warehouse) -> AsyncIterator[Sink]:
        async with opened(warehouse.connect("one")) as sink:
            yield sink

    @pytest.fixture
    async def other(self, warehouse: Warehouse, sink: Sink) -> AsyncIterator[Sink]:
        async with opened(warehouse.connect("two")) as other:
            yield other
