"""Protobuf records of one writer's schema: each names its message type by indexes in front of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from stream.config.models import Limits
from stream.decode.halving import ReadRecords, read_records
from stream.decode.protobuf.compile import descriptors_of
from stream.decode.protobuf.fields import FieldReader, Taker
from stream.decode.readers import UnusableSchema, check_width
from stream.decode.wire_framing import message_indexes
from stream.model.documents import NOTHING_SAID, Described
from stream.model.schemas import WriterSchema

Indexes = tuple[int, ...]


class MessageReader:
    """Reads messages of one type."""

    def __init__(self, message: Descriptor, limits: Limits) -> None:
        self._parse: Callable[[bytes], Any] = GetMessageClass(message).FromString
        self._micros = FieldReader("us", limits.max_depth).message(message)
        self._nanos = FieldReader("ns", limits.max_depth).message(message)
        check_width(self._micros.type, limits)

    def read(self, payloads: Sequence[bytes]) -> ReadRecords:
        """Return the messages as arrays; times are microseconds, and where one is finer, nanoseconds."""
        result = self._read(payloads, self._micros)
        if not result.errors or self._micros.type == self._nanos.type:
            return result
        positions = sorted(result.errors)
        finer = self._read([payloads[position] for position in positions], self._nanos)
        return ReadRecords(
            [*result.arrays, *(([positions[index] for index in rows], array) for rows, array in finer.arrays)],
            {positions[index]: error for index, error in finer.errors.items()},
        )

    def _read(self, payloads: Sequence[bytes], taker: Taker) -> ReadRecords:
        return read_records(payloads, _as_struct(taker.type), lambda payload: self._take(payload, taker))

    def _take(self, payload: bytes, taker: Taker) -> Any:
        try:
            message = self._parse(payload)
        except DecodeError as error:
            raise ValueError(f"no message of the type that it names: {error}") from error
        if not message.IsInitialized():
            raise ValueError("a required field is missing")
        value = taker.take(message)
        return value if pa.types.is_struct(taker.type) else {"value": value}


class ProtobufReader:
    """A `RecordReader` for Protobuf. `message` names the type of all records, which then have no indexes."""

    described: Described = NOTHING_SAID

    def __init__(self, schema: WriterSchema, limits: Limits, *, message: str | None = None) -> None:
        if schema.kind != "protobuf":
            raise UnusableSchema(f"the schema is of type {schema.kind}, and the topic's format is protobuf")
        self._pool, self._file = descriptors_of(schema)
        self._limits = limits
        self._message = message
        self._readers: dict[Indexes, MessageReader | str] = {}

    def read(self, payloads: Sequence[bytes]) -> ReadRecords:
        """Return the messages as arrays, those of each type by themselves."""
        result = ReadRecords()
        for indexes, group in self._by_type(payloads, result).items():
            reader = self._reader(indexes)
            if isinstance(reader, str):
                result.errors.update(dict.fromkeys((position for position, _ in group), reader))
                continue
            read = reader.read([payload for _, payload in group])
            positions = [position for position, _ in group]
            result.arrays += [([positions[index] for index in rows], array) for rows, array in read.arrays]
            result.errors.update({positions[index]: error for index, error in read.errors.items()})
        return result

    def _by_type(self, payloads: Sequence[bytes], result: ReadRecords) -> dict[Indexes, list[tuple[int, bytes]]]:
        groups: dict[Indexes, list[tuple[int, bytes]]] = {}
        for position, payload in enumerate(payloads):
            try:
                indexes, start = ((), 0) if self._message else message_indexes(payload)
            except ValueError as error:
                result.errors[position] = f"no message indexes: {error}"
                continue
            groups.setdefault(tuple(indexes), []).append((position, payload[start:]))
        return groups

    def _reader(self, indexes: Indexes) -> MessageReader | str:
        if indexes not in self._readers:
            try:
                name = self._message or _type_at(self._file, indexes)
                self._readers[indexes] = MessageReader(self._pool.FindMessageTypeByName(name), self._limits)
            except (UnusableSchema, KeyError, IndexError) as error:
                told = str(error) if isinstance(error, UnusableSchema) else "the schema has no such message type"
                self._readers[indexes] = f"{told} (message indexes {list(indexes)})"
        return self._readers[indexes]


def _type_at(file: FileDescriptorProto, indexes: Sequence[int]) -> str:
    """Return the full name of the message type at `indexes`. Raises `IndexError` when there is none."""
    types: Any = file.message_type
    names = [file.package] if file.package else []
    for index in indexes:
        names.append(types[index].name)
        types = types[index].nested_type
    return ".".join(names)


def _as_struct(kind: pa.DataType) -> pa.DataType:
    """Return the type of a document: a message that becomes one value, as a timestamp does, is in the field `value`."""
    return kind if pa.types.is_struct(kind) else pa.struct([pa.field("value", kind)])
