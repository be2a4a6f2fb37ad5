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
from stream.decode.reasons import InvalidRecord
from stream.decode.records import NO_RECORDS, RecordSubset
from stream.decode.shapes import NOTHING, Fields, NoShape, extend, shape_of
from stream.decode.template import Template

_MAX_TEMPLATES: Final = 4  # kept between batches
_MAX_LESSONS: Final = 4  # templates learned or grown within one batch
_SAMPLE_RECORDS: Final = 128  # looked at to learn from
_MAX_LEAVES: Final = 5_000  # columns of one table, nested ones counted
_MAX_CELLS: Final = 16_000_000  # rows times columns of one table: keys that are ids must not fill the memory

Piece: TypeAlias = tuple[pa.Table, RecordSubset]


class Fitter:
    """What is known of one topic's records. It makes decoding fast; the values that come out do not depend on it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.templates: list[Template] = []  # the one that took most records of the last batch first

    def fit(self, subset: RecordSubset) -> tuple[list[Piece], RecordSubset]:
        """Return tables with the records of each row, and the records that no table holds exactly.

        Every record must have passed the guard.
        """
        # What fits a template has no more keys than that: none is taken that would be refused when read exactly.
        max_leaves = min(_MAX_LEAVES, self._limits.max_keys, _MAX_CELLS // max(len(subset), 1))
        known = [template for template in self.templates if template.leaves <= max_leaves]
        self.templates = list(known)
        pieces: list[Piece] = []
        rows: Counter[Template] = Counter()
        for turn in range(len(known) + _MAX_LESSONS):
            template = known[turn] if turn < len(known) else self._learn(subset, max_leaves)
            if template is None or not subset:
                break
            table, taken, subset = self._take(template, subset)
            if taken:
                pieces.append((pruned(table), taken))
                rows[template] = len(taken)
        self.templates = sorted(self.templates, key=rows.__getitem__, reverse=True)[:_MAX_TEMPLATES]
        return pieces, subset

    def _take(self, template: Template, subset: RecordSubset) -> tuple[pa.Table, RecordSubset, RecordSubset]:
        """Return the table of the records that `template` holds exactly, these records, and the others."""
        table, rest = template.parse(subset), NO_RECORDS
        if table is None:
            subset, rest = subset.without(template.misfits(subset.values))
            table = template.parse(subset)
        if table is None:  # some object has a key twice
            repeats = template.repeats(subset.values)
            subset, refused = subset.without({p for p in repeats if self._read(subset.values[p]) is None})
            table, rest = template.parse(subset), rest + refused
        if table is None:
            return template.schema.empty_table(), NO_RECORDS, subset + rest
        inexact = self._inexact(table, subset) if template.has_fractions else set()
        if inexact:
            table = table.filter(pa.array([row not in inexact for row in range(len(subset))]))
        subset, refused = subset.without(inexact)
        return table, subset, rest + refused

    def _learn(self, subset: RecordSubset, max_leaves: int) -> Template | None:
        """Return a known template grown by `subset`, else a new one, else None: there is nothing to learn."""
        shapes = list(self._shapes(subset.values[:: len(subset) // _SAMPLE_RECORDS + 1]))
        for index, known in enumerate(self.templates):
            grown = extend(known.shape, shapes, max_leaves=max_leaves)
            if grown != known.shape:
                self.templates[index] = Template(grown)
                return self.templates[index]
        fresh = extend(NOTHING, shapes, max_leaves=max_leaves)
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

    def _inexact(self, table: pa.Table, subset: RecordSubset) -> set[int]:
        """Return the rows of `table` with a number that a double does not hold."""
        read = {row: self._read(subset.values[row]) for row in doubtful_rows(table, subset)}
        return {row for row, document in read.items() if document is None or not held_by_doubles(document)}

    def _read(self, value: bytes) -> dict[str, object] | None:
        """Return what an object holds exactly; None when there is a reason to refuse it."""
        try:
            document = read_exactly(value, self._limits)
        except InvalidRecord:
            return None
        return document if isinstance(document, dict) else None
