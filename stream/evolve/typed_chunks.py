"""What a batch brings for one column: values of one type each, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.types as types

from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, DataType, decimal
from stream.errors import UnsupportedValue
from stream.evolve.casts import cast_each
from stream.evolve.kernels import call, holds, joined, keep, matches, without
from stream.evolve.lattice import MAX_DIGITS
from stream.evolve.texts import text_of
from stream.model import FlatTable
from stream.model.tables import Array, is_declared, is_json

_ESCAPED_NUL: Final = r"(^|[^\\])(\\\\)*\\u0000"


@dataclass(frozen=True, slots=True)
class Piece:
    """Values of one type in one chunk, as long as the chunk; null where it has none or another piece has it.

    `apart_from`: the type that the values have in the chunk, where the destination cannot store them as that.
    """

    chunk: int
    values: Array
    type: DataType
    apart_from: DataType | None = None

    @property
    def natural(self) -> DataType:
        """Return the type that a column of such values should have."""
        return self.apart_from or self.type


def pieces_of(table: FlatTable, *, stores_nul_text: bool) -> dict[str, list[Piece]]:
    """Return the pieces of each column, in order of first appearance; a column of nulls alone has none."""
    columns: dict[str, list[Piece]] = {}
    for index, chunk in enumerate(table.chunks):
        for field, column in zip(chunk.schema, chunk.columns, strict=True):
            pieces = columns.setdefault(field.name, [])
            if column.null_count == len(column):
                continue
            for piece in _read(index, field, joined(column.chunks), f"{table.name}.{field.name}"):
                pieces.extend([piece] if stores_nul_text else _without_nul(piece))
    return columns


def declared_types(table: FlatTable) -> dict[str, DataType]:
    """Return the types that a schema gives to columns, by name; the first one of each."""
    found: dict[str, DataType] = {}
    for field in (field for chunk in table.chunks for field in chunk.schema if is_declared(field)):
        kind = JSON if is_json(field) else type_of(field.type)
        if kind is not None:
            found.setdefault(field.name, kind)
    return found


def type_of(kind: pa.DataType) -> DataType | None:
    """Return the column type for an Arrow type, None where there is none."""
    if types.is_decimal(kind):
        scale = max(kind.scale, 0)
        return decimal(min(kind.precision + scale - kind.scale, MAX_DIGITS), min(scale, MAX_DIGITS))
    return next((to for test, to in _TYPES if test(kind)), None)


_TYPES: Final = (
    (types.is_integer, BIGINT),
    (types.is_floating, DOUBLE),
    (types.is_boolean, BOOL),
    (lambda kind: types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind), TEXT),
    (types.is_timestamp, TIMESTAMP),
    (types.is_date, DATE),
    (types.is_time, TIME),
    (lambda kind: types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind), BINARY),
    (types.is_fixed_size_binary, BINARY),
)


def _read(index: int, field: pa.Field[Any], values: Array, where: str) -> Iterator[Piece]:
    """Yield the values as pieces in the Arrow types of columns; a second one takes what the first cannot hold."""
    if types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = JSON if is_json(field) else type_of(values.type)
    if kind is None:
        raise UnsupportedValue(f"{where}: no column type for Arrow's {values.type}; cast it to text or a number first")
    exact = values if values.type == kind.arrow else cast_each(values, kind.arrow)
    if exact.null_count < len(exact):
        yield Piece(index, exact, kind)
    if exact.null_count > values.null_count:
        rest = without(values, exact)
        big = types.is_uint64(values.type)
        yield Piece(
            index, rest.cast(decimal(20, 0).arrow) if big else text_of(rest, kind), decimal(20, 0) if big else TEXT
        )


def _without_nul(piece: Piece) -> Iterator[Piece]:
    """Yield the piece in parts, so that no text has U+0000: UTF-8 bytes where it has, JSON that escapes it as text."""
    match piece.type.kind:
        case "text" if b"\0" in _bytes(piece.values):
            yield from _split(piece, matches(piece.values, r"\x00"), BINARY)
        case "json":
            yield from _split(piece, matches(piece.values, _ESCAPED_NUL), TEXT)
        case _:
            yield piece


def _bytes(texts: Array) -> Any:
    data = texts.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def _split(piece: Piece, apart: Array, to: DataType) -> Iterator[Piece]:
    if not holds(apart):
        yield piece
        return
    staying = keep(piece.values, call("invert", apart))
    if staying.null_count < len(staying):
        yield Piece(piece.chunk, staying, piece.type)
    yield Piece(piece.chunk, keep(piece.values, apart).cast(to.arrow), to, apart_from=piece.type)
