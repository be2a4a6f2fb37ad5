"""What a sink that can tell what it would do must keep to: it tells the truth, and leaves no trace."""

from __future__ import annotations

from sinks.contract import Sink
from sinks.preview import Preview
from sinks.schema import BIGINT, TEXT, Schema
from sinks.testing.builders import plan, table
from sinks.testing.suite import SinkSuite, Warehouse


class PreviewContract(SinkSuite):
    """Asked of each sink that has the optional port `Preview`."""

    async def test_a_destination_without_a_dataset_has_the_empty_schema_and_stays_without(
        self, warehouse: Warehouse
    ) -> None:
        sink = warehouse.connect("looker")
        assert isinstance(sink, Preview)
        first, second = await sink.stored_schema(), await sink.stored_schema()
        await sink.aclose()
        assert first == second == Schema()

    async def test_the_stored_schema_is_the_one_that_was_applied(self, sink: Sink, warehouse: Warehouse) -> None:
        change = plan(Schema(), table("orders", n=BIGINT, note=TEXT))
        await sink.apply(change)
        looker = warehouse.connect("looker")
        assert isinstance(looker, Preview)
        stored = await looker.stored_schema()
        await looker.aclose()
        assert stored == change.target
