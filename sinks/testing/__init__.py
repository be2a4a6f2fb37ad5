"""`SinkContract`: the suite that every sink passes, ours or a stranger's, and the builders it is written with.

A subclass gives `warehouse`, an empty dataset for each test, and two ways to cut off a sink's next commit (in a proxy,
say, or in the driver); the tests run where `anyio_backend` says:

    class TestMySink(SinkContract):
        @pytest.fixture
        def anyio_backend(self) -> str:
            return "asyncio"

        @pytest.fixture
        def warehouse(self) -> Warehouse:
            return MyWarehouse(...)

        @pytest.fixture
        def lose_request(self) -> Cut:
            return lambda sink: ...  # the destination never hears of the next commit of `sink`

        @pytest.fixture
        def lose_answer(self) -> Cut:
            return lambda sink: ...  # the next commit of `sink` holds, and nobody tells

A sink that has the optional port `sinks.audit.Audit` passes `AuditContract` as well, on the same `warehouse`.

With `pytest.register_assert_rewrite("checkpoints.testing", "sinks.testing")` in a `conftest.py`, failures show values.
What the suite reads of the system tables, every sink has under these names: `_hr_loads` (load_id, pipeline, topic,
partition, start_offset, stop_offset, records, rows, rejected, skipped, holes, lost, status, epoch, owner) and
`_hr_rejects` (load_id, pipeline, topic, partition, offset, timestamp, key, value, reason, error).
"""

from sinks.testing.audits import AuditContract
from sinks.testing.builders import ORDERS, Row, batch, claimed, data_step, grown, plan, reject, settled, table
from sinks.testing.contract import SinkContract
from sinks.testing.doubt import Cut
from sinks.testing.one_at_a_time import one_at_a_time
from sinks.testing.preview import PreviewContract
from sinks.testing.suite import SinkSuite, Warehouse, opened

__all__ = [
    "ORDERS",
    "AuditContract",
    "Cut",
    "PreviewContract",
    "Row",
    "SinkContract",
    "SinkSuite",
    "Warehouse",
    "batch",
    "claimed",
    "data_step",
    "grown",
    "one_at_a_time",
    "opened",
    "plan",
    "reject",
    "settled",
    "table",
]
