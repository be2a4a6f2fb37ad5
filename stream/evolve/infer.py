"""The type of a new column, from all the values that the batch brings for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sinks.schema import BIGINT, DOUBLE, TEXT, TIMESTAMP, DataType
from stream.evolve.conversions import fit
from stream.evolve.lattice import join
from stream.evolve.typed_chunks import Piece

_SAMPLE: Final = 16  # most text is no timestamp, and its first values say so; trying all of them takes 100 times longer


def infer(pieces: Sequence[Piece], *, detect_timestamps: bool) -> DataType:
    """Return the least type that holds all values exactly; where there is none, the one that the first pieces need."""
    types = list(dict.fromkeys(piece.natural for piece in pieces))
    if detect_timestamps and all_fit(pieces, TEXT, TIMESTAMP):
        types = [TIMESTAMP if kind == TEXT else kind for kind in types]
    if DOUBLE in types and all_fit(pieces, BIGINT, DOUBLE):
        types = [DOUBLE if kind == BIGINT else kind for kind in types]
    least = types[0]
    for kind in types[1:]:
        least = join(least, kind) or least
    return least


def all_fit(pieces: Sequence[Piece], was: DataType, to: DataType) -> bool:
    """Return whether all values that `was` comes naturally to are exact as `to`."""
    columns = [piece for piece in pieces if piece.natural == was]
    samples = [replace(piece, values=piece.values.slice(0, _SAMPLE)) for piece in columns]
    return all(fit(piece.values, piece.type, to)[1] is None for piece in (*samples, *columns))
