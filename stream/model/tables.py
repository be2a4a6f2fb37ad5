"""Relational tables of one batch, flat but not yet fitted to the destination's schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pyarrow as pa

from stream.model.documents import Described

Array: TypeAlias = "pa.Array[Any]"
"""One column of a chunk, of whatever type."""

JSON_MARK: Final = {b"headrace": b"json"}
"""Metadata of a chunk's field whose text is a JSON document."""

DECLARED_MARK: Final = {b"headrace.type": b"declared"}
"""Metadata of a chunk's field whose type a schema gives: it makes a column though all values are null."""


def is_json(field: pa.Field[Any]) -> bool:
    """Return whether a chunk's field holds JSON documents."""
    return JSON_MARK.items() <= (field.metadata or {}).items()


def is_declared(field: pa.Field[Any]) -> bool:
    """Return whether a schema gives the type of a chunk's field."""
    return DECLARED_MARK.items() <= (field.metadata or {}).items()


@dataclass(frozen=True, slots=True)
class FlatTable:
    """The rows of one table in one batch, as chunks whose columns may differ in type and presence.

    Column names are final (normalized, unique, short enough). One name may have another type in another chunk, or stand
    once for each type in one chunk, each value in just one of them; that is for the evolver to settle. `origins` gives
    each column's path of original keys, `described` what a schema says of the event's fields. A null array's type is
    `pa.null()`: such a column makes no column in the destination.
    """

    name: str
    chunks: tuple[pa.Table, ...]
    parent: str | None = None
    source: tuple[str, ...] = ()
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    described: Described = field(default_factory=dict)

    @property
    def num_rows(self) -> int:
        """Return the number of rows over all chunks."""
        return sum(chunk.num_rows for chunk in self.chunks)


def whole(column: pa.ChunkedArray[Any]) -> Array:
    """Return a column as one array, without a copy where it is one already."""
    chunks: list[Array] = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
