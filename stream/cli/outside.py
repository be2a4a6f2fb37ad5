"""A pipeline as the commands of those on call see it: from outside, by its configuration and its destination."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio

from sinks import Sink
from sinks.audit import Audit, Auditable
from stream.api.create import pipeline_of
from stream.api.destinations import open_sink
from stream.config import loader as settings
from stream.config.models import Config
from stream.errors import ConfigError

T = TypeVar("T")
_PATIENT_SECONDS = 3_600.0  # one question may read whole tables


@dataclass(frozen=True, slots=True)
class Outside:
    """A pipeline's configuration, complete with names, and its destination with the audit port."""

    config: Config
    sink: Sink
    audit: Audit

    @property
    def name(self) -> str:
        """Return the pipeline's name."""
        return self.config.pipeline or ""


def loaded(file: Path | None, given: dict[str, Any], topics: Collection[str] | None = None) -> Config:
    """Return the configuration with the names of pipeline and dataset filled in.

    `topics` of the command line choose among those of the pipeline; alone, they are taken for all it has.
    """
    config = settings.load(file, os.environ, given)
    if topics and not config.kafka.topics and config.kafka.pattern is None:
        config = config.model_copy(update={"kafka": config.kafka.model_copy(update={"topics": tuple(topics)})})
    if config.destination.url is None:
        raise ConfigError(
            "say which destination: --to duckdb:///orders.duckdb, -c FILE with destination.url, or "
            "HEADRACE__DESTINATION__URL"
        )
    made = pipeline_of(config)
    named = config.destination.model_copy(
        update={"dataset": made.dataset_name, "statement_timeout_seconds": _PATIENT_SECONDS}
    )
    return config.model_copy(update={"pipeline": made.pipeline_name, "destination": named})


def asked(config: Config, question: Callable[[Outside], Awaitable[T]]) -> T:
    """Return the answer to a question about a pipeline, asked on an event loop of its own."""

    async def ask() -> T:
        async with opened(config) as outside:
            return await question(outside)

    return anyio.run(ask)


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Outside]:
    """Yield the pipeline for the time of a block. Nothing is made in the destination."""
    sink = open_sink(config.pipeline or "", config)
    try:
        if not isinstance(sink, Auditable):
            raise ConfigError(f"{sink.capabilities.name} has no audit port yet: this command cannot look into it")
        yield Outside(config, sink, sink.audit())
    finally:
        await sink.aclose()
