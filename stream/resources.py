"""What can be loaded: events from Kafka, or data in memory with a name for its table."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from stream.config import Kafka, Security
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

    `until="latest"` bounds the run at the offsets that are latest when it begins; else it runs until it is stopped.
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
        wrong = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"stream.kafka() cannot take {wrong}") from None
    return KafkaEvents(config)


def table_of(data: Any, table_name: str | None) -> str:
    """Return the table that `data` goes to: `table_name`, or the name of a generator function."""
    name = table_name or (getattr(data, "__name__", None) if _is_function(data) or inspect.isgenerator(data) else None)
    if not name:
        raise ConfigError("this data has no name of its own: say which table it goes to, run(data, table_name='...')")
    return name


async def values_of(data: Any) -> Sequence[Any]:
    """Return all items of `data` in memory: an iterable, an async iterable, or a function that returns one."""
    if _is_function(data):
        data = data()
    if inspect.isawaitable(data):
        data = await data
    if isinstance(data, AsyncIterable):
        return [item async for item in data]
    if isinstance(data, str | bytes | dict) or not isinstance(data, Iterable):
        kind = type(data).__name__
        raise ConfigError(f"run() takes a list, an iterable or a generator of objects, not {kind}: put it in a list")
    return list(data)


def _is_function(data: Any) -> bool:
    return inspect.isfunction(data) or inspect.ismethod(data) or (isinstance(data, Callable) and hasattr(data, "func"))  # type: ignore[arg-type]  # functools.partial
