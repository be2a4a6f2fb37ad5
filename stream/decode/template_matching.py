"""Fitting records into Arrow tables: a topic's few templates, tried in turn, and new ones learned from what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, TypeAlias

import pyarrow as pa

from stream.config.models import Limits
from stream.decode.exact import read_exactly
from stream.decode.numbers import held_by_doubles
from stream.decode.precision import doubtful_rows
from stream.decode.prune import pruned
from stream.decode.reasons import Unreadable
from stream.decode.records import NO_RECORDS, Pile
from stream.decode.shapes import NOTHING, Fields, NoShape, absorbed, shape_of
from stream.decode.template import Template

_MAX_TEMPLATES: Final = 4  # kept between batches
_MAX_LESSONS: Final = 4  # templates learned or grown within one batch
_SAMPLE_RECORDS: Final = 128  # looked at to learn from
_MAX_LEAVES: Final = 5_000  # columns of one table, nested ones counted
_MAX_CELLS: Final = 16_000_000  # rows times columns of one table: keys that are ids must not fill the memory

Piece: TypeAlias = tuple[pa.Table, Pile]


class Fitter:
    """What is known of one topic's records. It makes decoding fast; the values that come out do not depend on it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.templates: list[Template] = []  # the one that took most records of the last batch first

    def fit(self, pile: Pile) -> tuple[list[Piece], Pile]:
        """Return tables with the records of each row, and the records that no table holds exactly.

        Every record must have passed the guard.
        """
        # What fits a template has no more keys than that: none is taken that would be refused when read exactly.
        max_leaves = min(_MAX_LEAVES, self._limits.max_keys, _MAX_CELLS // max(len(pile), 1))
        known = [template for template in self.templates if template.leaves <= max_leaves]
        self.templates = list(known)
        pieces: list[Piece] = []
        rows: Counter[Template] = Counter()
        for turn in range(len(known) + _MAX_LESSONS):
            template = known[turn] if turn < len(known) else self._learn(pile, max_leaves)
            if template is None or not pile:
                break
            table, taken, pile = self._take(template, pile)
            if taken:
                pieces.append((pruned(table), taken))
                rows[template] = len(taken)
        self.templates = sorted(self.templates, key=rows.__getitem__, reverse=True)[:_MAX_TEMPLATES]
        return pieces, pile

    def _take(self, template: Template, pile: Pile) -> tuple[pa.Table, Pile, Pile]:
        """Return the table of the records that `template` holds exactly, these records, and the others."""
        table, rest = template.parse(pile), NO_RECORDS
        if table is None:
            pile, rest = pile.without(template.misfits(pile.values))
            table = template.parse(pile)
        if table is None:  # some object has a key twice
            repeats = template.repeats(pile.values)
            pile, refused = pile.without({p for p in repeats if self._read(pile.values[p]) is None})
            table, rest = template.parse(pile), rest + refused
        if table is None:
            return template.schema.empty_table(), NO_RECORDS, pile + rest
        inexact = self._inexact(table, pile) if template.has_fractions else set()
        if inexact:
            table = table.filter(pa.array([row not in inexact for row in range(len(pile))]))
        pile, refused = pile.without(inexact)
        return table, pile, rest + refused

    def _learn(self, pile: Pile, max_leaves: int) -> Template | None:
        """Return a known template, grown by what is in `pile`, else a new one, else None: there is nothing to learn."""
        shapes = list(self._shapes(pile.values[:: len(pile) // _SAMPLE_RECORDS + 1]))
        for index, known in enumerate(self.templates):
            grown = absorbed(known.shape, shapes, max_leaves=max_leaves)
            if grown != known.shape:
                self.templates[index] = Template(grown)
                return self.templates[index]
        fresh = absorbed(NOTHING, shapes, max_leaves=max_leaves)
        if not shapes or fresh in [known.shape for known in self.templates]:
            return None
        self.templates.append(Template(fresh))
        return self.templates[-1]

    def _shapes(self, values: Iterable[bytes]) -> Iterator[Fields]:
        for value in values:
            with suppress(NoShape):
                shape = shape_of(self._read(value))
                if isinstance(shape, Fields):  # not what was refused
                    yield shape

    def _inexact(self, table: pa.Table, pile: Pile) -> set[int]:
        """Return the rows of `table` with a number that a double does not hold."""
        read = {row: self._read(pile.values[row]) for row in doubtful_rows(table, pile)}
        return {row for row, document in read.items() if document is None or not held_by_doubles(document)}

    def _read(self, value: bytes) -> dict[str, object] | None:
        """Return what an object holds exactly; None when there is a reason to refuse it."""
        try:
            document = read_exactly(value, self._limits)
        except Unreadable:
            return None
        return document if isinstance(document, dict) else None
