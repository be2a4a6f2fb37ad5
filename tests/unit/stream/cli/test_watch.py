"""What those who watch a run know before it begins."""

from __future__ import annotations

import pytest

from stream.cli.watch import counted
from stream.observe.facts import Started


@pytest.mark.parametrize("reason", ["invalid_json", "refused", "kills_decoder"])
def test_every_reason_to_set_a_record_aside_is_counted_from_0(reason: str) -> None:
    registry = counted("shop").instruments.registry
    labels = {"pipeline": "shop", "reason": reason}
    assert registry.get_sample_value("headrace_rejected_records_total", labels) == 0


@pytest.mark.parametrize("reason", ["tombstone", "null", "abandoned"])
def test_every_reason_to_skip_a_record_is_counted_from_0(reason: str) -> None:
    metrics = counted("shop")
    metrics.observe(Started("duckdb", "shop", ("orders",)))
    labels = {"pipeline": "shop", "topic": "orders", "reason": reason}
    assert metrics.instruments.registry.get_sample_value("headrace_records_skipped_total", labels) == 0
