"""What reads the records of one writer's schema: the port between framed records and Avro, Protobuf or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import pyarrow as pa

from stream.config.models import Limits
from stream.decode.halving import ReadRecords
from stream.model.documents import Described
from stream.model.schemas import WriterSchema


class UnusableSchema(Exception):
    """No record of this schema can be read; the text says why."""


class RecordReader(Protocol):
    """Reads records of one schema. Used by one thread at a time."""

    @property
    def described(self) -> Described:
        """Return what the schema says of fields beside their types, by their paths of keys."""
        ...

    def read(self, payloads: Sequence[bytes]) -> ReadRecords:
        """Return what can be read of `payloads`, and why the others cannot."""
        ...


MakeReader: TypeAlias = Callable[[WriterSchema, Limits], RecordReader]
"""Makes the reader for a schema. Raises `UnusableSchema`."""


def check_width(kind: pa.DataType, limits: Limits) -> None:
    """Return quietly when records of this type need no more columns than they may; else raises `UnusableSchema`."""
    if _leaves(kind) > limits.max_keys:
        raise UnusableSchema(f"the schema has more than {limits.max_keys:,} values in one record (limits.max_keys)")


def _leaves(kind: pa.DataType) -> int:
    return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields)) or 1
