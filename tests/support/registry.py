"""Records as Confluent's own serializers write them, with schemas in a real registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def avro(
    url: str, topic: str, schema: str | Schema, values: Iterable[Any], *, part: str = MessageField.VALUE
) -> list[bytes]:
    """Return the values as Avro records; the schema goes to the registry at `url`."""
    serialize = AvroSerializer(SchemaRegistryClient({"url": url}), schema)
    return [serialize(value, SerializationContext(topic, part)) for value in values]


def json_schema(url: str, topic: str, schema: str, values: Iterable[Any]) -> list[bytes]:
    """Return the values as JSON records with a schema's id in front."""
    serialize = JSONSerializer(schema, SchemaRegistryClient({"url": url}))
    return [serialize(value, SerializationContext(topic, MessageField.VALUE)) for value in values]


def protobuf(url: str, topic: str, message: type, values: Iterable[Any]) -> list[bytes]:
    """Return the values, each the fields of a message of that class, as Protobuf records."""
    serialize = ProtobufSerializer(message, SchemaRegistryClient({"url": url}), {"use.deprecated.format": False})
    context = SerializationContext(topic, MessageField.VALUE)
    return [serialize(message(**value), context) for value in values]
