"""The identities of topics, asked of a broker."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from stream.config.models import Kafka
from stream.errors import SourceDenied, SourceUnavailable
from stream.source.kafka_errors import mapped_errors, to_source_error
from stream.source.origin import origin
from stream.source.topic_ids import UNKNOWN, TopicIdsRequest


async def asked_origins(consumer: AIOKafkaConsumer, kafka: Kafka, topics: Set[str]) -> dict[str, str]:
    """Return each topic's identity; without the topic id where the broker does not speak Metadata 12.

    Raises `SourceUnavailable` when the broker that was asked does not know a topic: the next one may.
    """
    try:
        answer = await _ask(consumer, TopicIdsRequest(sorted(topics)))
    except (NotImplementedError, IncompatibleBrokerVersion):
        with mapped_errors(kafka):
            answer = await _ask(consumer, MetadataRequest([], allow_auto_topic_creation=False))
        return {topic: origin(getattr(answer, "cluster_id", None), None) for topic in topics}
    except (KafkaError, OSError) as error:
        told = to_source_error(error, kafka)
        raise told if isinstance(told, SourceDenied) else SourceUnavailable(str(told)) from error
    ids = {name: topic_id for error_code, name, topic_id, *_ in answer.topics if not error_code}
    if strange := sorted(topics - ids.keys()):
        raise SourceUnavailable(f"{kafka.brokers}: a broker does not know {', '.join(strange)}, yet or any more")
    return {name: origin(answer.cluster_id, None if id == UNKNOWN else str(id)) for name, id in ids.items()}


async def _ask(consumer: AIOKafkaConsumer, request: Any) -> Any:
    client = consumer._client
    return await client.send(client.get_random_node(), request)
