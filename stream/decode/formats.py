"""Decoders by the name of the format they read: ours, and those that installed packages bring along.

A package adds a format by an entry point of group `headrace.formats`: its name is the format's, its object a function
`make(options) -> Decoder`. Nothing is imported before a topic asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

import pyarrow as pa

from stream.decode.by_schema import SchemaDecoder
from stream.decode.contract import Decoder, DecoderOptions, MakeDecoder
from stream.decode.debezium import DebeziumDecoder
from stream.decode.json import JsonDecoder
from stream.decode.json_schema import JsonSchemaDecoder
from stream.decode.keys import keys_of, with_keys
from stream.decode.plain import PlainReader
from stream.decode.readers import MakeReader, RecordReader, UnusableSchema
from stream.decode.reasons import Reason
from stream.decode.wire_framing import KEY_HEADER
from stream.decode.wrong_format import check_format
from stream.errors import ConfigError
from stream.model import Decoded, PartitionRecords, RawBatch, merged
from stream.model.schemas import SchemaId, SchemaKind, Schemas, WriterSchema

GROUP: Final = "headrace.formats"
RAW_KEYS: Final = "bytes"
"""The format of keys that are left as they are; then `metadata` decides whether they are loaded."""


def _json(options: DecoderOptions) -> JsonDecoder:
    return JsonDecoder(options.limits, table_of=options.table_of, metadata_of=lambda topic: options.metadata)


def _json_schema(options: DecoderOptions) -> JsonSchemaDecoder:
    return JsonSchemaDecoder(_json(options))


def _avro(options: DecoderOptions) -> SchemaDecoder:
    from stream.decode.avro.reader import AvroReader

    return SchemaDecoder(AvroReader, Reason.INVALID_AVRO, options, fixed=_from_file("avro", AvroReader, options))


def _protobuf(options: DecoderOptions) -> SchemaDecoder:
    try:
        import grpc_tools  # noqa: F401  # run later, in a process of its own

        from stream.decode.protobuf.reader import ProtobufReader
    except ImportError as error:
        raise ConfigError(f"format protobuf needs a package ({error}): pip install 'headrace[protobuf]'") from error
    if (options.schema_file is None) is not (options.message is None):
        raise ConfigError("format protobuf takes schema_file and message together: the file, and which of its messages")
    make = partial(ProtobufReader, message=options.message)
    return SchemaDecoder(make, Reason.INVALID_PROTOBUF, options, fixed=_from_file("protobuf", make, options))


def _debezium(options: DecoderOptions) -> DebeziumDecoder:
    return DebeziumDecoder(_json(options))


def _debezium_avro(options: DecoderOptions) -> DebeziumDecoder:
    return DebeziumDecoder(_avro(options), _avro(DecoderOptions(options.limits, options.table_of, header=KEY_HEADER)))


def _text(options: DecoderOptions) -> SchemaDecoder:
    return SchemaDecoder(_no_reader, Reason.INVALID_UTF8, options, fixed=PlainReader(pa.string()))


def _bytes(options: DecoderOptions) -> SchemaDecoder:
    return SchemaDecoder(_no_reader, Reason.INVALID_RECORD, options, fixed=PlainReader(pa.binary()))


_FORMATS: Final[Mapping[str, MakeDecoder]] = {
    "json": _json,
    "json-schema": _json_schema,
    "avro": _avro,
    "protobuf": _protobuf,
    "debezium": _debezium,
    "debezium-avro": _debezium_avro,
    "text": _text,
    "bytes": _bytes,
}
_BY_REGISTRY: Final = frozenset({"avro", "debezium-avro", "protobuf"})


def decoder_for(name: str) -> MakeDecoder:
    """Return what makes a decoder for the format `name`. Raises `ConfigError` for one that nobody knows."""
    if name in _FORMATS:
        return _FORMATS[name]
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join([*_FORMATS, *sorted(points.keys() - _FORMATS.keys())])
        raise ConfigError(f"unknown format {name!r}; known formats: {known}")
    return _loaded(points[name])


def needs_registry(name: str, schema_file: Path | None) -> bool:
    """Return whether records of a format can only be read with schemas from a registry."""
    return name in _BY_REGISTRY and schema_file is None


def _loaded(point: EntryPoint) -> MakeDecoder:
    try:
        make: MakeDecoder = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"format {point.name} cannot be loaded from {point.value}: {error}") from error
    return make


def _from_file(kind: SchemaKind, make: MakeReader, options: DecoderOptions) -> RecordReader | None:
    """Return the reader for the schema in a file. Raises `ConfigError` when there is none that can be used."""
    path = options.schema_file
    if path is None:
        return None
    try:
        return make(WriterSchema(kind, path.read_text(encoding="utf-8")), options.limits)
    except (OSError, UnicodeDecodeError, UnusableSchema) as error:
        raise ConfigError(f"schema_file {path} cannot be used: {error}") from error


def _no_reader(*_: object) -> RecordReader:
    raise UnusableSchema("records of this format have no schema")


class TopicDecoders:
    """Decodes each topic by its own format. Used by one thread at a time.

    `format_of` tells the format and the options of a topic. With `check` a topic whose first records are all plainly
    of another format raises `WrongFormat`.
    """

    def __init__(
        self,
        format_of: Callable[[str], tuple[str, DecoderOptions]],
        *,
        key_format_of: Callable[[str], str] = lambda topic: RAW_KEYS,
        check: bool,
    ) -> None:
        self._format_of = format_of
        self._key_format_of = key_format_of
        self._check = check
        self._decoders: dict[str, Decoder] = {}
        self._key_decoders: dict[str, Decoder | None] = {}
        self._proven: set[str] = set()

    def wants(self, raw: RawBatch) -> frozenset[SchemaId]:
        """Return the ids of the schemas that `decode` needs for `raw`."""
        return frozenset[SchemaId]().union(*(self._wants_of(topic, raw.of(topic)) for topic in raw.topics))

    def _wants_of(self, topic: str, raw: RawBatch) -> frozenset[SchemaId]:
        wanted, key_decoder = self._decoder(topic).wants(raw), self._key_decoder(topic)
        return wanted | key_decoder.wants(keys_of(raw)) if key_decoder else wanted

    def decode(self, raw: RawBatch, schemas: Schemas) -> Decoded:
        """Return every record of `raw` as a document, a reject or a count of what was skipped."""
        return merged([self._decode_topic(topic, raw.of(topic), schemas) for topic in raw.topics])

    def json_keys(self, raw: RawBatch, schemas: Schemas) -> RawBatch:
        """Return `raw` with keys as JSON, of the topics whose format is to do so: Debezium's Avro."""
        return replace(
            raw, parts=tuple(part for topic in raw.topics for part in self._with_json_keys(topic, raw, schemas))
        )

    def _with_json_keys(self, topic: str, raw: RawBatch, schemas: Schemas) -> Sequence[PartitionRecords]:
        decoder, own = self._decoder(topic), raw.of(topic)
        return (decoder.json_keys(own, schemas) if isinstance(decoder, DebeziumDecoder) else own).parts

    def _decode_topic(self, topic: str, raw: RawBatch, schemas: Schemas) -> Decoded:
        decoded = self._decoder(topic).decode(raw, schemas)
        if self._check and topic not in self._proven:
            check_format(self._format_of(topic)[0], topic, decoded)
        if decoded.documents:
            self._proven.add(topic)
        key_decoder = self._key_decoder(topic)
        return with_keys(decoded, key_decoder.decode(keys_of(raw), schemas), raw) if key_decoder else decoded

    def _key_decoder(self, topic: str) -> Decoder | None:
        if topic not in self._key_decoders:
            name, (_, options) = self._key_format_of(topic), self._format_of(topic)
            bare = DecoderOptions(options.limits, options.table_of, header=KEY_HEADER)
            self._key_decoders[topic] = None if name == RAW_KEYS else decoder_for(name)(bare)
        return self._key_decoders[topic]

    def _decoder(self, topic: str) -> Decoder:
        decoder = self._decoders.get(topic)
        if decoder is None:
            name, options = self._format_of(topic)
            decoder = self._decoders[topic] = decoder_for(name)(options)
        return decoder
