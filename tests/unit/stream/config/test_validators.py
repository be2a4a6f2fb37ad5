"""What a type cannot say of a setting: patterns speak of whole names, and `replace` of data that is given whole."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from stream.config.validators import whole_name
from stream.config.writing import Writing


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


def test_replace_is_refused_for_a_topic_with_what_there_is() -> None:
    with pytest.raises(ValidationError, match="replace is for data that is given whole"):
        Writing(write_disposition="replace")  # type: ignore[arg-type]
