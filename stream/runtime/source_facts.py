"""What the source tells, as facts."""

from __future__ import annotations

from typing import Final, assert_never

from stream.observe.facts import Fact, Retrying, SourceAnswered, SourceWaiting, Unacknowledged
from stream.source.events import SourceEvent

ASKED_EVERY_SECONDS: Final = 5.0


def to_fact(event: SourceEvent) -> Fact | None:
    """Return the fact that `event` is; None for rebalances, which the runner tells when it acts on them."""
    match event.kind:
        case "unanswered":
            return Retrying("source", ASKED_EVERY_SECONDS, event.detail)
        case "answered":
            return SourceAnswered()
        case "waiting":
            return SourceWaiting(event.detail)
        case "unacknowledged":
            return Unacknowledged(event.detail)
        case "assigned" | "revoked" | "lost":
            return None
    assert_never(event.kind)
