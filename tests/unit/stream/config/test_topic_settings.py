"""Settings of single topics: which pattern wins, what is refused, what a user is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.config import loader
from stream.config.topic_settings import described, settings_for, topics_to_tell, unmatched_patterns
from stream.errors import ConfigError

FILE = """
[tables]
metadata = ["key"]
max_nesting = 2

[topics."*"]
table = "all"

[topics."shop.*"]
table = "shop_{topic}"
metadata = ["topic"]

[topics."shop.orders"]
table = "orders"
"""


def config(tmp_path: Path, text: str):
    path = tmp_path / "headrace.toml"
    path.write_text(text)
    return loader.load(path, {}, {})


def test_the_most_specific_pattern_that_has_a_setting_wins(tmp_path: Path) -> None:
    loaded = config(tmp_path, FILE)
    tables = {topic: settings_for(loaded, topic).settings.table for topic in ("shop.orders", "shop.x", "other")}
    assert tables == {"shop.orders": "orders", "shop.x": "shop_{topic}", "other": "all"}


def test_each_setting_comes_from_where_it_was_written(tmp_path: Path) -> None:
    found = settings_for(config(tmp_path, FILE), "shop.orders")
    shown = described(found, loader.origins(tmp_path / "headrace.toml", {"HEADRACE__TABLES__NAMES": "unicode"}))
    file = tmp_path / "headrace.toml"
    assert shown["table"] == {"value": "orders", "from": f'topics."shop.orders" in {file}'}
    assert shown["metadata"] == {"value": ["topic"], "from": f'topics."shop.*" in {file}'}
    assert shown["max_nesting"] == {"value": 2, "from": f"{file}: tables.max_nesting"}
    assert shown["detect_timestamps"] == {"value": True, "from": "default"}


def test_a_setting_of_the_environment_is_told_by_its_variable(tmp_path: Path) -> None:
    environ = {"HEADRACE__TABLES__MAX_NESTING": "1"}
    loaded = loader.load(None, environ, {})
    shown = described(settings_for(loaded, "orders"), loader.origins(None, environ))
    assert shown["max_nesting"] == {"value": 1, "from": "HEADRACE__TABLES__MAX_NESTING"}


def test_of_a_run_by_pattern_whole_names_are_told(tmp_path: Path) -> None:
    loaded = config(tmp_path, FILE + '[topics.typo]\ntable = "x"\n[kafka]\npattern = "shop[.].*"\n')
    assert (unmatched_patterns(loaded), topics_to_tell(loaded)) == (("typo",), ("shop.orders",))


def test_a_pattern_that_matches_no_topic_is_told(tmp_path: Path) -> None:
    loaded = config(tmp_path, FILE + '[kafka]\ntopics = ["payments"]\n')
    assert unmatched_patterns(loaded) == ("shop.*", "shop.orders")


def test_topics_may_come_from_the_environment_as_json() -> None:
    loaded = loader.load(None, {"HEADRACE__TOPICS": json.dumps({"orders": {"table": "o"}})}, {})
    assert settings_for(loaded, "orders").settings.table == "o"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[topics.orders]\ntabel = "x"', 'topics."orders".tabel is not a setting of a topic; did you mean table?'),
        ("[topics.orders]\nmax_nesting = -1", 'topics."orders".max_nesting must be greater than or equal to 0, not -1'),
        ('[topics.orders]\ntable = "{x}"', "topics.\"orders\".table: '{x}' has a placeholder"),
        ("[topics]\norders = 1", 'topics."orders" must be a table of settings, not 1'),
    ],
)
def test_a_wrong_setting_is_named_with_its_topic(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, text)
    assert told in str(raised.value)
