"""Events from Kafka, described for `Pipeline.run`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
