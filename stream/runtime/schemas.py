"""Schemas that a batch needs, from the registry; an outage of the registry is retried without end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from stream.config.models import Config, Retry
from stream.decode import needs_registry
from stream.errors import ConfigError, RegistryUnavailable
from stream.load import FailedAttempt, retry
from stream.model.schemas import NO_SCHEMAS, SchemaId, Schemas
from stream.observe.facts import Observer, Retrying, StateChanged
from stream.registry import RegistryClient, connect_registry

FindSchemas = Callable[[frozenset[SchemaId]], Awaitable[Schemas]]

_MISSING: Final = (
    "records name their schema by an id, and no schema registry is configured: set registry.url, or schema_file for "
    "records without an id"
)


def registry_of(config: Config) -> RegistryClient | None:
    """Return a client for the schema registry, None when no format needs one. Raises `ConfigError`."""
    if config.registry.url is None and not any(needs_registry(*each) for each in _formats(config)):
        return None
    return connect_registry(config.registry)


def _formats(config: Config) -> Iterator[tuple[str, Path | None]]:
    tables = config.tables
    yield tables.format, tables.schema_file
    yield tables.key_format, None
    for topic in config.topics.values():
        yield topic.key_format or tables.key_format, None
        yield topic.format or tables.format, topic.schema_file or tables.schema_file


def schema_finder(registry: RegistryClient | None, policy: Retry, observe: Observer) -> FindSchemas:
    """Return what finds schemas by id and sits out that the registry is away: then it tells that the pipeline pauses.

    It raises `RegistryError` when asking again is no use.
    """

    async def find(ids: frozenset[SchemaId]) -> Schemas:
        if not ids:
            return NO_SCHEMAS
        if registry is None:
            raise ConfigError(_MISSING)
        paused = False

        def notify(attempt: FailedAttempt) -> None:
            nonlocal paused
            if not paused:
                paused = True
                observe(StateChanged("paused", "schema registry unavailable"))
            observe(Retrying("registry", attempt.wait_seconds, str(attempt.error)))

        found = await retry(partial(registry.find, ids), policy, notify, passing=(RegistryUnavailable,))
        if paused:
            observe(StateChanged("running"))
        return found

    return find
