"""Decoders by the name of the format they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream.config.models import Limits
from stream.decode.by_schema import SchemaDecoder
from stream.decode.contract import Decoder
from stream.decode.debezium import DebeziumDecoder
from stream.decode.json import JsonDecoder
from stream.decode.json_schema import JsonSchemaDecoder
from stream.decode.reasons import Reason
from stream.errors import ConfigError
from stream.model import Decoded, RawBatch, merged
from stream.model.schemas import SchemaId, SchemaKind, Schemas, WriterSchema


@dataclass(frozen=True, slots=True)
class DecoderOptions:
    """What a decoder of one topic is told: bounds, the table's name, further columns, and a schema from a file."""

    limits: Limits
    table_of: Callable[[str], str]
    metadata: tuple[str, ...] = ()
    schema_file: Path | None = None


MakeDecoder = Callable[[DecoderOptions], Decoder]


def _json(options: DecoderOptions) -> JsonDecoder:
    return JsonDecoder(options.limits, table_of=options.table_of, metadata_of=lambda topic: options.metadata)


def _json_schema(options: DecoderOptions) -> JsonSchemaDecoder:
    return JsonSchemaDecoder(_json(options))


def _avro(options: DecoderOptions) -> SchemaDecoder:
    from stream.decode.avro.reader import AvroReader

    return SchemaDecoder(
        AvroReader,
        Reason.INVALID_AVRO,
        options.limits,
        table_of=options.table_of,
        metadata=options.metadata,
        fixed=_from_file("avro", options.schema_file),
    )


def _debezium(options: DecoderOptions) -> DebeziumDecoder:
    return DebeziumDecoder(_json(options))


def _debezium_avro(options: DecoderOptions) -> DebeziumDecoder:
    return DebeziumDecoder(_avro(options))


_FORMATS: Final[Mapping[str, MakeDecoder]] = {
    "json": _json,
    "json-schema": _json_schema,
    "avro": _avro,
    "debezium": _debezium,
    "debezium-avro": _debezium_avro,
}
_BY_REGISTRY: Final = frozenset({"avro", "debezium-avro", "protobuf"})


def decoder_for(name: str) -> MakeDecoder:
    """Return what makes a decoder for the format `name`. Raises `ConfigError` for one that nobody knows."""
    try:
        return _FORMATS[name]
    except KeyError as error:
        raise ConfigError(f"unknown format {name!r}; known formats: {', '.join(_FORMATS)}") from error


def needs_registry(name: str, schema_file: Path | None) -> bool:
    """Return whether records of a format can only be read with schemas from a registry."""
    return name in _BY_REGISTRY and schema_file is None


def _from_file(kind: SchemaKind, path: Path | None) -> WriterSchema | None:
    if path is None:
        return None
    try:
        return WriterSchema(kind, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"schema_file {path} cannot be read: {error}") from error


class TopicDecoders:
    """Decodes each topic by its own format. Used by one thread at a time."""

    def __init__(self, make: Callable[[str], Decoder]) -> None:
        self._make = make
        self._decoders: dict[str, Decoder] = {}

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`."""
        return frozenset[SchemaId]().union(*(self._decoder(topic).wants(raw.of(topic)) for topic in raw.topics))

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        return merged([self._decoder(topic).decode(raw.of(topic), schemas) for topic in raw.topics])

    def _decoder(self, topic: str) -> Decoder:
        decoder = self._decoders.get(topic)
        if decoder is None:
            decoder = self._decoders[topic] = self._make(topic)
        return decoder
