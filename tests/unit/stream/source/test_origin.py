"""Identity of a topic, as far as the broker tells it."""

from __future__ import annotations

import pytest

from stream.source.origin import changed, incarnation, origin, same


@pytest.mark.parametrize(
    ("stored", "found", "expected"),
    [
        ("c1/t1", "c1/t1", True),
        ("c1/t1", "c1/t2", False),
        ("c1/t1", "c2/t1", False),
        ("c1/", "c1/t2", True),
        ("c1/t1", "c1/", True),
        ("/", "c1/t1", True),
    ],
)
def test_only_known_parts_can_differ(stored: str, found: str, expected: bool) -> None:
    assert same(stored, found) is expected


def test_unknown_parts_are_empty() -> None:
    assert (origin("c1", None), origin(None, None)) == ("c1/", "/")


def test_a_topic_that_was_never_stored_is_not_changed() -> None:
    assert changed({"a": "c/1"}, {"a": "c/2", "b": "c/3"}) == {"a"}


@pytest.mark.parametrize(
    ("origins", "expected"),
    [(("c/new", "c/old"), "new"), (("c/", "c/old"), "old"), (("c/", "/"), "c"), (("/", "c/"), "c"), (("/", "/"), "")],
)
def test_a_topic_is_told_apart_by_its_id_else_by_its_cluster(origins: tuple[str, ...], expected: str) -> None:
    assert incarnation(*origins) == expected
