"""What the broker lets this user do: asked, not tried, and without joining a group."""

from __future__ import annotations

from typing import Any, Final

import anyio
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IncompatibleBrokerVersion,
    for_code,
)
from aiokafka.protocol.group import HeartbeatRequest

from stream.config.models import Kafka
from stream.source.kafka_errors import mapped_errors
from stream.source.topic_ids import TopicIdsRequest

# Codes of operations, as bits of a number: https://kafka.apache.org/protocol (AclOperation in the Java client).
_WANTED: Final = {"Read": 3, "Describe": 8}
_NOT_TOLD: Final = -(2**31)
_NOT_YET: Final = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError)  # a cluster without groups makes them
_PATIENT_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.3
_GROUP: Final = 0  # a coordinator of groups, not of transactions


async def missing_topic_rights(consumer: AIOKafkaConsumer, kafka: Kafka, topic: str) -> tuple[str, ...] | None:
    """Return which of Read and Describe this user lacks on a topic; None where the broker does not tell."""
    client = consumer._client
    try:
        with mapped_errors(kafka):
            request = TopicIdsRequest([topic], operations=True)
            answer = await client.send(client.get_random_node(), request)
    except (NotImplementedError, IncompatibleBrokerVersion):
        return None
    allowed = {name: operations for _, name, *_, operations, _ in answer.topics}.get(topic, _NOT_TOLD)
    if allowed == _NOT_TOLD:
        return None
    return tuple(name for name, bit in _WANTED.items() if not allowed & (1 << bit))


async def may_join(consumer: AIOKafkaConsumer, kafka: Kafka, group: str) -> bool:
    """Return whether this user may read as a member of a group.

    A heartbeat of a member that there is not needs the same right as joining, and changes nothing.
    """
    client: Any = consumer._client
    give_up_at = anyio.current_time() + _PATIENT_SECONDS
    with mapped_errors(kafka):
        while True:
            try:
                coordinator = await client.coordinator_lookup(_GROUP, group)
                answer = await client.send(coordinator, HeartbeatRequest(group, 0, "headrace-doctor"))
                return for_code(answer.error_code) is not GroupAuthorizationFailedError
            except GroupAuthorizationFailedError:
                return False
            except _NOT_YET:
                if anyio.current_time() > give_up_at:
                    raise
                await anyio.sleep(_PAUSE_SECONDS)
