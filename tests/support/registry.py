"""Records as Confluent's own serializers write them, with schemas in a real registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def avro(url: str, topic: str, schema: str, values: Iterable[Any]) -> list[bytes]:
    """Return the values as Avro records; the schema goes to the registry at `url`."""
    serialize = AvroSerializer(SchemaRegistryClient({"url": url}), schema)
    return [serialize(value, SerializationContext(topic, MessageField.VALUE)) for value in values]


def json_schema(url: str, topic: str, schema: str, values: Iterable[Any]) -> list[bytes]:
    """Return the values as JSON records with a schema's id in front."""
    serialize = JSONSerializer(schema, SchemaRegistryClient({"url": url}))
    return [serialize(value, SerializationContext(topic, MessageField.VALUE)) for value in values]
