"""Which settings hold for one topic: the most specific pattern that has one wins, then `tables`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from stream.config.models import Config, Tables
from stream.config.topics import Topic
from stream.errors import ConfigError

_WILDCARDS: Final = re.compile(r"[*?]|\[[^\]]*\]")

_NAMES_IN_TABLES: Final = {"table": "name_template"}

# Changes of a database are merged by their key, deletes included, unless the user says how they are written.
_CHANGES: Final[Mapping[str, Any]] = {
    "write_disposition": "merge",
    "primary_key": ("_kafka_key",),
    "primary_key_format": "json",
    "hard_delete": "_cdc_deleted",
}


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """The settings that hold for one topic, and where each was written: `topics."shop.*"`, or `tables`."""

    settings: Topic
    written_in: Mapping[str, str]


def settings_for(config: Config, topic: str) -> TopicSettings:
    """Return the settings that hold for `topic`. Pure."""
    values, written_in = _from_tables(config.tables)
    for pattern in sorted((p for p in config.topics if fnmatchcase(topic, p)), key=_specificity):
        said = config.topics[pattern]
        for name in said.model_fields_set:
            values[name] = getattr(said, name)
            written_in[name] = f'topics."{pattern}"'
    if str(values.get("format")).startswith("debezium") and values.get("write_disposition") is None:
        for name, value in _CHANGES.items():
            if values.get(name) is None:
                values[name], written_in[name] = value, "format"
    _check_writing(topic, settings := Topic().model_copy(update=values))
    return TopicSettings(settings, written_in)


def _check_writing(topic: str, settings: Topic) -> None:
    """Raise `ConfigError` where what is said of a topic's table does not go together."""
    said = {"strategy", "primary_key", "primary_key_format", "dedup_sort", "hard_delete", "soft_delete"}
    if settings.write_disposition not in ("merge", "scd2"):
        if alone := sorted(name for name in said if getattr(settings, name) is not None):
            raise ConfigError(
                f'topic {topic!r} has {", ".join(alone)}, which only write_disposition = "merge" and "scd2" go by: set '
                "one of them, or leave the others out"
            )
        return
    if not settings.primary_key:
        raise ConfigError(f'topic {topic!r} merges and has no key: set primary_key = ["id"], or ["_kafka_key"]')
    if settings.strategy == "insert-only" and (settings.hard_delete or settings.soft_delete):
        raise ConfigError(f"topic {topic!r}: insert-only keeps the first event and knows no deletes; use upsert")
    if settings.write_disposition == "scd2" and settings.strategy not in (None, "scd2"):
        raise ConfigError(f"topic {topic!r}: scd2 keeps all versions, which strategy {settings.strategy!r} does not")
    if "scd2" in (settings.write_disposition, settings.strategy) and settings.soft_delete:
        raise ConfigError(f"topic {topic!r}: scd2 closes a version that is deleted; leave soft_delete out")


def described(found: TopicSettings, origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return each setting with its value and the place that it comes from, as plain values that JSON can hold.

    `origins`: where sections and settings were written, as `loader.origins` has it; what nobody wrote is the default.
    """
    values = found.settings.model_dump(mode="json", include=set(found.written_in))
    places = {name: _place(name, found.written_in[name], origins) for name in values}
    return {name: {"value": value, "from": places[name]} for name, value in values.items()}


def _place(name: str, written_in: str, origins: Mapping[str, str]) -> str:
    if written_in == "tables":
        return origins.get(f"tables.{_NAMES_IN_TABLES.get(name, name)}", "default")
    if written_in == "format":
        return "the format: changes of a database merge by key"
    return written_in + (f" in {origins['topics']}" if "topics" in origins else "")


def unmatched_patterns(config: Config) -> tuple[str, ...]:
    """Return the patterns of `config.topics` that match no topic of the run, as far as that can be told beforehand.

    Of a run by `kafka.pattern` whose topics are not known yet, only whole names can be.
    """
    names, wanted = config.kafka.topics, config.kafka.pattern
    if names or wanted is None:
        return tuple(p for p in config.topics if names and not any(fnmatchcase(name, p) for name in names))
    whole = (pattern for pattern in config.topics if not _WILDCARDS.search(pattern))
    return tuple(name for name in whole if not re.fullmatch(wanted, name))


def topics_to_tell(config: Config) -> tuple[str, ...]:
    """Return the topics whose settings can be told: those of the run, or those named whole that its pattern matches."""
    names, wanted = config.kafka.topics, config.kafka.pattern
    if names or wanted is None:
        return names
    return tuple(p for p in config.topics if not _WILDCARDS.search(p) and re.fullmatch(wanted, p))


def _from_tables(tables: Tables) -> tuple[dict[str, Any], dict[str, str]]:
    shared = Topic.model_fields.keys() & Tables.model_fields.keys()
    values = {"table": tables.name_template, **{name: getattr(tables, name) for name in shared}}
    return values, dict.fromkeys(values, "tables")


def _specificity(pattern: str) -> tuple[bool, int, str]:
    """Return what sorts patterns from the least to the most specific: a whole name last, then by literal characters."""
    literal = _WILDCARDS.sub("", pattern)
    return literal == pattern, len(literal), pattern
