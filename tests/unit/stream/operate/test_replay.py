"""Which rejects can be loaded again."""

from __future__ import annotations

from dataclasses import replace

from sinks.ledger import RejectRow
from stream.operate.replay import kept_whole

WHOLE = RejectRow("load", "shop", "orders", 0, 7, None, None, b"12", "too_large", "too large")


def test_a_reject_of_which_only_the_beginning_was_kept_is_not_loaded_as_another_value() -> None:
    cut = replace(WHOLE, offset=8, value_bytes=2_000_000, value_sha256="ab" * 32)
    assert kept_whole([WHOLE, cut]) == [WHOLE]
