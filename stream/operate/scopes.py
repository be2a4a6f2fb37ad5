"""Which topics a pipeline has loaded, and which rows of the destination are whose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from sinks import Scd2, Schema
from sinks.audit import PartitionState, TopicScope
from stream.config.models import Config
from stream.errors import ConfigError
from stream.normalize import Names
from stream.runtime.table_settings import TableSettings

_TOPIC_COLUMN = "_kafka_topic"


def topics_of(states: Iterable[PartitionState], wanted: Collection[str] = ()) -> tuple[str, ...]:
    """Return the topics that the destination knows, sorted; of these only `wanted` ones where some are.

    Raises `ConfigError` for one that the destination does not know.
    """
    known = {state.partition.topic for state in states}
    if strange := sorted(set(wanted) - known):
        there = ", ".join(sorted(known)) or "no topic"
        raise ConfigError(f"this pipeline has loaded nothing of {', '.join(strange)}; it knows {there}")
    return tuple(sorted(wanted or known))


def topics_into(tables: Collection[str], scopes: Collection[TopicScope]) -> tuple[str, ...]:
    """Return the topics whose rows are in these root tables.

    Raises `ConfigError` for a table that no topic fills.
    """
    filled = {scope.table for scope in scopes if scope.table}
    if strange := sorted(set(tables) - filled):
        there = ", ".join(sorted(filled)) or "none"
        raise ConfigError(
            f"no topic of this pipeline fills {', '.join(strange)}: name root tables, child tables follow them; "
            f"there is {there}"
        )
    return tuple(scope.topic for scope in scopes if scope.table in tables)


def refuse_history(scopes: Iterable[TopicScope], schema: Schema) -> None:
    """Raise `ConfigError` for a topic whose table keeps history: what events did to versions is not taken back."""
    for scope in scopes:
        if scope.table is not None and isinstance(schema.tables[scope.table].write, Scd2):
            raise ConfigError(
                f"table {scope.table} keeps the history of {scope.topic} (scd2): a rewind would leave versions closed "
                "by events that are gone. Load the topic again with another pipeline name and dataset instead"
            )


def scopes_of(
    config: Config, schema: Schema, topics: Iterable[str], max_identifier_bytes: int, known: Iterable[str]
) -> tuple[TopicScope, ...]:
    """Return the rows of each of `topics`; `known` are all topics of the pipeline.

    Raises `ConfigError` for a table that several topics share and that does not tell them apart.
    """
    tables = _tables(config, schema, {*topics, *known}, max_identifier_bytes)
    sharing = Counter(tables.values())
    return tuple(_scope(topic, tables[topic], schema, sharing) for topic in topics)


def _scope(topic: str, table: str, schema: Schema, sharing: Mapping[str, int]) -> TopicScope:
    if table not in schema.tables:
        return TopicScope(topic, None)
    if sharing[table] == 1:
        return TopicScope(topic, table)
    if _TOPIC_COLUMN not in schema.tables[table].columns:
        raise ConfigError(
            f"table {table} holds the rows of {sharing[table]} topics and does not say which are whose: set "
            "tables.metadata = ['topic'] before the first load, then this command can tell them apart"
        )
    return TopicScope(topic, table, shared=True)


def _tables(config: Config, schema: Schema, topics: Iterable[str], max_bytes: int) -> dict[str, str]:
    settings = TableSettings(config)
    names = Names(schema, max_bytes).tables()
    return {topic: names.given.get((None, (settings.table(topic),)), "") for topic in sorted(topics)}
