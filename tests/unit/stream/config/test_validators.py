"""A pattern of topics speaks of whole names, however it is written."""

from __future__ import annotations

import re

import pytest

from stream.config.validators import whole_name


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("orders", "orders", True),
        ("orders", "orders-old", False),
        ("a|b", "a", True),
        ("a|b", "ab", False),
        ("^a$", "a", True),
        ("(?i)shop", "SHOP", True),
        ("(?i)shop", "SHOP2", False),
        (r"shop\..*", "shop.orders", True),
    ],
)
def test_a_pattern_matches_whole_names(pattern: str, name: str, matches: bool) -> None:
    assert bool(re.match(whole_name(pattern), name)) is matches
