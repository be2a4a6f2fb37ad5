"""Many Avro records at once, by a native reader, with proof that each of them ended where its bytes end.

Records of one schema are joined to one block of an Avro file, behind each a seal: random bytes and its number. When all
seals are read back in their places, no record was shorter or longer than it should be, and none reached into its
neighbour (docs/decisions/0051-sealed-avro-batches.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

import pyarrow as pa

from stream.decode.avro.conform import conform
from stream.decode.avro.native import ReadFile
from stream.decode.avro.nodes import Node, leaves_per_byte
from stream.decode.avro.sealed_schema import SEAL_BYTES, sealed_schema
from stream.decode.checked import checked
from stream.decode.varints import write_long

MAX_BATCH_LEAVES: Final = 64_000_000
"""How many Arrow values one batch may become at worst; more records than that are read in parts."""

_MAGIC: Final = b"Obj\x01"
_RANDOM_BYTES: Final = 8


def sealed_reader(node: Node, read_file: ReadFile) -> Callable[[Sequence[bytes]], pa.Array[Any]]:
    """Return what reads records of this type into one array of `arrow_type(node)`.

    It raises `ValueError` when any of them is not exactly one record, or a value not in its type's range. Raises
    `NotForNativeReader` for a type that takes the exact reader.
    """
    schema = sealed_schema(node).encode()
    per_byte = leaves_per_byte(node)

    def read(values: Sequence[bytes]) -> pa.Array[Any]:
        if sum(map(len, values)) * per_byte > MAX_BATCH_LEAVES:
            raise ValueError("too many bytes for one batch")
        seals = list(_seals(len(values)))
        found: Any = read_file(_file(schema, values, seals), len(values))
        if len(found) != len(values) or found.field("s").buffers()[1].to_pybytes() != b"".join(seals):
            raise ValueError("a record does not end where its bytes end")
        return checked(conform(found.field("v"), node))

    return read


def _seals(count: int) -> Iterator[bytes]:
    secret = os.urandom(_RANDOM_BYTES)  # so that no record can hold what looks like the seal behind it
    return (secret + index.to_bytes(SEAL_BYTES - _RANDOM_BYTES, "big") for index in range(count))


def _file(schema: bytes, values: Sequence[bytes], seals: Sequence[bytes]) -> bytes:
    block = b"".join(chain.from_iterable(zip(values, seals, strict=True)))
    sync = os.urandom(16)
    metadata = (write_long(1), _text(b"avro.schema"), _text(schema), write_long(0))
    return b"".join((_MAGIC, *metadata, sync, write_long(len(values)), write_long(len(block)), block, sync))


def _text(data: bytes) -> bytes:
    return write_long(len(data)) + data
