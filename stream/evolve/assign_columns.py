"""Where the values of one column go: into the column itself, or into a variant beside it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sinks.schema import BIGINT, DOUBLE, TEXT, Column, DataType, Kind, Table
from stream.evolve.conversions import fit
from stream.evolve.infer import all_fit
from stream.evolve.kernels import merged
from stream.evolve.lattice import join
from stream.evolve.texts import text_of
from stream.evolve.typed_chunks import Piece
from stream.model.identifiers import distinct
from stream.model.tables import Array


@dataclass(frozen=True, slots=True)
class Settled:
    """One column as it shall be, and its values by chunk; `was` is its stored type, None for a new column."""

    column: Column
    values: dict[int, Array]
    was: DataType | None


@dataclass(frozen=True, slots=True)
class ColumnAssigner:
    """Settles the columns of one table, of which `known` is what is stored.

    `taken`: the names that a new variant may not have; `fixed`: the columns that may not widen.
    """

    known: Table
    taken: Container[str]
    fixed: Container[str]
    max_identifier_bytes: int

    def settle(self, column: Column, pieces: Sequence[Piece]) -> Iterator[Settled]:
        """Yield the column with the values that fit it, then its variants with the others, each value exactly once."""
        settled, rest = self._assign(column, pieces)
        yield settled
        groups: dict[Kind, list[Piece]] = {}
        for piece in rest:
            groups.setdefault(piece.type.kind, []).append(piece)
        texts = groups.pop("text", [])
        for group in groups.values():
            variant, rest = self._assign(self._variant(column, group[0].type), group)
            yield variant
            # Only decimals of many sizes get here: what no decimal type holds together is kept as text.
            texts.extend(Piece(piece.chunk, text_of(piece.values, piece.type), TEXT) for piece in rest)
        if texts:
            yield self._assign(self._variant(column, TEXT), texts)[0]

    def _assign(self, column: Column, pieces: Sequence[Piece]) -> tuple[Settled, list[Piece]]:
        """Return the column with the values that fit it, widened for them where that is allowed, and the rest."""
        stored = self.known.columns.get(column.name)
        values, rest = _place(column.type, pieces)
        wider = self._wider(column, pieces, rest)
        if wider != column.type:
            column = replace(column, type=wider)
            values, rest = _place(wider, pieces)
        return Settled(column, values, stored.type if stored else None), rest

    def _wider(self, column: Column, pieces: Sequence[Piece], rest: Sequence[Piece]) -> DataType:
        """Return the least type at or above the column's that takes in the types of `rest`, as far as there is one.

        What has a variant already goes on into that: a destination that could not widen is not asked again and again.
        """
        kind = column.type
        if column.name in self.fixed:
            return kind
        homeless = [piece.type for piece in rest if self._stored_variant(column, piece.type) is None]
        if kind == BIGINT and DOUBLE in homeless and all_fit(pieces, BIGINT, DOUBLE):
            return DOUBLE
        for other in homeless:
            kind = join(kind, other) or kind
        return kind

    def _stored_variant(self, base: Column, kind: DataType) -> Column | None:
        variants = (column for column in self.known.columns.values() if column.variant_of == base.name)
        return next((variant for variant in variants if variant.type.kind == kind.kind), None)

    def _variant(self, base: Column, kind: DataType) -> Column:
        if (stored := self._stored_variant(base, kind)) is not None:
            return stored
        wanted = f"{base.name}__v_{kind.kind}"
        name = distinct(wanted, wanted, self.taken, self.max_identifier_bytes)
        return Column(name, kind, source=base.source, variant_of=base.name)


def _place(kind: DataType, pieces: Iterable[Piece]) -> tuple[dict[int, Array], list[Piece]]:
    """Return the values that fit `kind`, by chunk, and the pieces that are left of the others."""
    values: dict[int, Array] = {}
    rest: list[Piece] = []
    for piece in pieces:
        fitting, others = fit(piece.values, piece.type, kind)
        if fitting is not None:
            before = values.get(piece.chunk)
            values[piece.chunk] = fitting if before is None else merged(before, fitting)
        if others is not None:
            rest.append(replace(piece, values=others))
    return values, rest
