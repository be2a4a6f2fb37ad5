"""The memory sink passes the suite of all sinks."""

from dataclasses import asdict

import pytest

from checkpoints.testing import PIPELINE
from sinks import InDoubt, Sink, SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from sinks.testing import AuditContract, Cut, PreviewContract, SinkContract, Warehouse


class InMemory:
    """A warehouse in memory, as the suite wants it."""

    def __init__(self) -> None:
        self._warehouse = MemoryWarehouse()

    def connect(self, owner: str, pipeline: str = PIPELINE) -> Sink:
        return MemorySink(self._warehouse, SinkOptions(pipeline, "dataset", owner))

    async def read(self, table: str) -> list[dict[str, object]]:
        match table:
            case "_hr_loads":
                return [asdict(row) for row in self._warehouse.loads]
            case "_hr_rejects":
                return [asdict(row) for row in self._warehouse.rejects]
            case _:
                return self._warehouse.table(table).to_pylist()


class TestMemorySink(SinkContract, PreviewContract):
    @pytest.fixture
    def warehouse(self) -> Warehouse:
        return InMemory()

    @pytest.fixture
    def lose_request(self) -> Cut:
        def cut(sink: MemorySink) -> None:
            sink.before_commit = _raise_once(sink)

        return cut

    @pytest.fixture
    def lose_answer(self) -> Cut:
        def cut(sink: MemorySink) -> None:
            sink.after_commit = _raise_once(sink)

        return cut


class TestMemoryAudit(AuditContract):
    @pytest.fixture
    def warehouse(self) -> Warehouse:
        return InMemory()


def _raise_once(sink: MemorySink):
    def hook(step) -> None:
        sink.before_commit = sink.after_commit = lambda step: None
        raise InDoubt(f"load {step.load_id}: the connection broke while it committed")

    return hook
