"""What can be loaded: events from Kafka, or data in memory with a name for its table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from stream.config.models import Kafka, Security
from stream.errors import ConfigError


@dataclass(frozen=True, slots=True)
class KafkaEvents:
    """Events of some topics, described and not yet read: hand it to `Pipeline.run`."""

    config: Kafka


def kafka(
    *topics: str,
    brokers: str = "localhost:9092",
    pattern: str | None = None,
    group: str | None = None,
    start: Literal["earliest", "latest"] | datetime = "earliest",
    until: Literal["latest"] | None = None,
    accept_loss: bool = False,
    security: Security | None = None,
    instance_id: str | None = None,
) -> KafkaEvents:
    """Return the events of `topics` (or of all topics that match `pattern`) on `brokers`.

    `pattern` matches whole names. `start` without a zone is UTC. `until="latest"` bounds the run at the offsets that
    are latest when it begins; else it runs until it is stopped.
    The other settings are those of `docs/configuration.md`, section kafka.
    """
    if bool(topics) == bool(pattern):
        raise ConfigError("stream.kafka() reads either topics or a pattern: give one of them")
    try:
        config = Kafka(
            brokers=brokers,
            topics=topics,
            pattern=pattern,
            group=group,
            start=start,
            until=until,
            accept_loss=accept_loss,
            security=security or Security(),
            instance_id=instance_id,
        )
    except ValidationError as error:
        wrong = "; ".join(f"{each['loc'][0]}: {each['msg'].removeprefix('Value error, ')}" for each in error.errors())
        raise ConfigError(f"stream.kafka() cannot take {wrong}") from None
    return KafkaEvents(config)


def table_of(data: Any, table_name: str | None) -> str:
    """Return the table that `data` goes to: `table_name`, or the name of a generator function.

    Raises `ConfigError` where there is none: a lambda and a generator expression have no name either.
    """
    name = _own_name(data) if table_name is None else table_name
    if name is None:
        raise ConfigError("this data has no name of its own: say which table it goes to, run(data, table_name='...')")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"table_name is the name of a table, not {name!r}")
    return name


def _own_name(data: Any) -> str | None:
    if not (is_function(data) or inspect.isgenerator(data) or inspect.isasyncgen(data)):
        return None
    name = getattr(data, "__name__", None)
    return name if name and name.isidentifier() else None  # else `<lambda>` or `<genexpr>`


def is_function(data: Any) -> bool:
    """Return whether `data` is to be called for what it returns."""
    return inspect.isfunction(data) or inspect.ismethod(data) or (isinstance(data, Callable) and hasattr(data, "func"))  # type: ignore[arg-type]  # functools.partial
