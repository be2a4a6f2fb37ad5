"""Kafka's Metadata request in version 12, which tells topic ids; aiokafka's own ends at version 5.

Layout: https://kafka.apache.org/protocol.html#The_Messages_Metadata
"""

from __future__ import annotations

from io import BytesIO
from typing import ClassVar, Final
from uuid import UUID

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

UNKNOWN: Final = UUID(int=0)


class Uuid(AbstractType[UUID]):
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        """Return the sixteen bytes of `value`."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        """Return the next sixteen bytes of `data` as a UUID."""
        return UUID(bytes=data.read(16))


class MetadataResponseV12(Response):
    """Brokers, the cluster's id, and topics with their ids."""

    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class MetadataRequestV12(RequestStruct):
    """Asks for topics by name, and creates none."""

    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = MetadataResponseV12
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdsRequest(Request[MetadataRequestV12]):
    """A question for the ids of some topics, and with `operations` for what we may do with them.

    A broker that does not speak version 12 cannot be asked.
    """

    API_KEY = 3

    def __init__(self, topics: list[str], *, operations: bool = False) -> None:
        self._topics = topics
        self._operations = operations

    def build(self, request_struct_class: type[MetadataRequestV12]) -> MetadataRequestV12:
        """Return the request as it goes over the wire."""
        wanted: list[tuple[UUID, str, dict[int, bytes]]] = [(UNKNOWN, topic, {}) for topic in self._topics]
        return request_struct_class(wanted, False, self._operations, {})
