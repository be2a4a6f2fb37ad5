"""What a source tells becomes a fact, or stays between source and runner."""

from __future__ import annotations

import pytest

from stream.observe.facts import Fact, Retrying, SourceAnswered, SourceWaiting, Unacknowledged
from stream.runtime.source_facts import to_fact
from stream.source.events import Kind, SourceEvent


@pytest.mark.parametrize(
    ("kind", "fact"),
    [
        ("unanswered", Retrying("source", 5.0, "why")),
        ("answered", SourceAnswered()),
        ("waiting", SourceWaiting("why")),
        ("unacknowledged", Unacknowledged("why")),
        ("assigned", None),
        ("revoked", None),
        ("lost", None),
    ],
)
def test_each_event_of_a_source_is_one_fact_or_is_told_by_the_runner(kind: Kind, fact: Fact | None) -> None:
    assert to_fact(SourceEvent(kind, detail="why")) == fact
