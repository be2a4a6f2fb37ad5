"""Which settings hold for a table: those of the topics that fill it, which must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.config.models import Config
from stream.config.topic_settings import settings_for
from stream.config.topics import Topic
from stream.errors import ConfigError

_OF_THE_TOPIC = frozenset(
    {"metadata", "format", "key_format", "schema_file", "message"}
)  # what two topics of one table may differ in


class TableSettings:
    """The settings of each topic, and of each table by the name that its topics want for it. Remembers what it saw."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._topics: dict[str, Topic] = {}
        self._tables: dict[str, str] = {}
        self._hinted: dict[str, Topic] = {}

    def topic(self, topic: str) -> Topic:
        """Return the settings that hold for `topic`.

        Raises `ConfigError` when another topic fills the same table and has other settings.
        """
        if topic not in self._topics:
            found = settings_for(self._config, topic).settings
            self._check_alike(topic, found)
            self._topics[topic] = found
        return self._topics[topic]

    def table(self, topic: str) -> str:
        """Return the original name of the table that `topic` fills."""
        return (self.topic(topic).table or "{topic}").format(topic=topic)

    def of_table(self, table: str) -> Topic:
        """Return the settings that hold for the table of that original name; none for one that no topic fills."""
        topic = self._tables.get(table)
        return self._hinted.get(table, Topic()) if topic is None else self._topics[topic]

    def hint(self, table: str, settings: Topic) -> None:
        """Take `settings` for the table of that original name, unless a topic fills it. Before it is asked for."""
        self._hinted[table] = settings

    def _check_alike(self, topic: str, found: Topic) -> None:
        table = (found.table or "{topic}").format(topic=topic)
        other = self._tables.setdefault(table, topic)
        if other == topic:
            return
        ours, theirs = _comparable(found), _comparable(self._topics[other])
        if differing := sorted(name for name in ours if ours[name] != theirs[name]):
            raise ConfigError(
                f"topics {other!r} and {topic!r} both fill table {table!r}, but differ in {', '.join(differing)}: "
                "give them the same settings, or tables of their own"
            )


def _comparable(settings: Topic) -> Mapping[str, Any]:
    return settings.model_dump(exclude={*_OF_THE_TOPIC, "table"})
