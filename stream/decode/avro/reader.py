"""Avro records of one writer's schema: the native reader where it can, the exact one where it must."""

from __future__ import annotations

from collections.abc import Sequence

from stream.config.models import Limits
from stream.decode.avro.arrow_types import arrow_type
from stream.decode.avro.descriptions import described
from stream.decode.avro.exact import exact_reader
from stream.decode.avro.native import native_reader
from stream.decode.avro.nodes import Node
from stream.decode.avro.schema import parse_schema
from stream.decode.avro.sealed import sealed_reader
from stream.decode.avro.sealed_schema import NotForNativeReader
from stream.decode.halving import ReadMany, ReadRecords, read_records
from stream.decode.readers import UnusableSchema, check_width
from stream.model.documents import Described
from stream.model.schemas import WriterSchema


class AvroReader:
    """A `RecordReader` for Avro."""

    def __init__(self, schema: WriterSchema, limits: Limits) -> None:
        if schema.kind != "avro":
            raise UnusableSchema(f"the schema is of type {schema.kind}, and the topic's format is avro")
        references = [reference.text for reference in schema.references]
        node = parse_schema(schema.text, references, max_depth=limits.max_depth)
        self._type = arrow_type(node)
        check_width(self._type, limits)
        self.described: Described = dict(described(node))
        self._read_one = exact_reader(node)
        self._read_many = _sealed(node)

    def read(self, payloads: Sequence[bytes]) -> ReadRecords:
        """Return the records as arrays of one type."""
        return read_records(payloads, self._type, self._read_one, self._read_many)


def _sealed(node: Node) -> ReadMany | None:
    read_file = native_reader()
    if read_file is None:
        return None
    try:
        return sealed_reader(node, read_file)
    except NotForNativeReader:
        return None
