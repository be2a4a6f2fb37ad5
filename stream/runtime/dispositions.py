"""How each table of a run is written: what the settings wish, held against what is stored, and done to a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

import pyarrow as pa

from sinks import Merge, Scd2, Schema, Table, Write
from sinks.history import is_history_root
from sinks.merging import is_merged_root
from stream.dispositions import (
    NULL_KEY,
    Wish,
    check_unchanged,
    historic,
    merged,
    tombstones_of,
    with_kafka_key,
    without_key,
    write_for,
)
from stream.evolve import Evolved, Misfit, without_roots
from stream.model import FlatTable
from stream.normalize import normalize_path

WishOf: TypeAlias = Callable[[str], Wish | None]
"""What is wished for a root table of that original name; None where nothing was said."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """The tables of a batch without the rows that lack a key, and how their root tables are written, by name."""

    tables: tuple[FlatTable, ...]
    writes: Mapping[str, Write] = field(default_factory=dict)
    refused: Mapping[str, Misfit] = field(default_factory=dict)

    @property
    def fixed(self) -> frozenset[tuple[str, str]]:
        """Return the columns, by table and name, whose type may not change: those of keys."""
        keys = ((name, write.key) for name, write in self.writes.items() if isinstance(write, (Merge, Scd2)))
        return frozenset((name, column) for name, key in keys for column in key)


def keyed(tables: tuple[FlatTable, ...], schema: Schema, wish_of: WishOf) -> Keyed:
    """Return the tables with how their root tables are written. Raises `DispositionChanged`."""
    writes: dict[str, Write] = {}
    refused: dict[str, Misfit] = {}
    left: list[FlatTable] = []
    for table in tables:
        wish = wish_of(_original(table)) if table.parent is None else None
        left.append(table if wish is None else with_kafka_key(table, wish.key_format))
        write = _write_of(table, schema.tables.get(table.name), wish) if table.parent is None else None
        if write is not None:
            writes[table.name] = write
            key = write.key if isinstance(write, (Merge, Scd2)) else ()
            refused |= {row: Misfit(NULL_KEY, error) for row, error in without_key(left[-1], key).items()}
    return Keyed(without_roots(left, refused) if refused else tuple(left), writes, refused)


def settled(evolved: Evolved, tombstones: Mapping[str, pa.Table], wish_of: WishOf, now: datetime) -> Evolved:
    """Return what is to be loaded: of each key of a table that merges the newest event, as a row or as a delete.

    `tombstones`: records without a value, by the original name of their table; those of a table that is not there yet
    delete nothing.
    """
    target = evolved.plan.target
    refused = dict(evolved.refused)
    deletes: dict[str, pa.Table] = {}
    for root, wish, records in _merging(tombstones, target, wish_of):
        found = tombstones_of(records, root, wish.key_format if wish else "text")
        refused |= {row: Misfit(NULL_KEY, error) for row, error in found.refused.items()}
        if found.deletes.num_rows and not _keeps_the_first(root):
            deletes[root.name] = found.deletes
    if not deletes and not any(_is_keyed(target.tables[name]) for name in evolved.tables):
        return replace(evolved, refused=refused)
    hard = {name: _hard_delete(target.tables[name], wish_of) for name in evolved.tables}
    flags = {name: column for name, column in hard.items() if column}
    rows = merged(evolved.tables, target, deletes, flags, now)
    versions = historic(rows.tables, target, deletes, flags, now)
    refused |= {row: Misfit(NULL_KEY, error) for row, error in {**rows.refused, **versions.refused}.items()}
    return replace(evolved, tables=versions.tables, deletes={**rows.deletes, **versions.deletes}, refused=refused)


def _write_of(table: FlatTable, stored: Table | None, wish: Wish | None) -> Write | None:
    """Return how a root table is written; None for a new one of which nothing was said."""
    if wish is None:
        return stored.write if stored else None
    columns = {".".join(path): name for name, path in table.origins.items()}
    if stored is not None:
        columns |= {".".join(column.source): column.name for column in stored.columns.values() if column.source}
    write = write_for(wish, lambda wanted: columns.get(wanted) or _named(wanted, table, stored))
    if stored is not None:
        check_unchanged(stored, write)
    return write


def _named(wanted: str, table: FlatTable, stored: Table | None) -> str:
    own = {name for chunk in table.chunks for name in chunk.column_names} | set(stored.columns if stored else ())
    return wanted if wanted in own else normalize_path(tuple(wanted.split(".")))


def _merging(
    tombstones: Mapping[str, pa.Table], schema: Schema, wish_of: WishOf
) -> Iterator[tuple[Table, Wish | None, pa.Table]]:
    roots = {_original(table): table for table in schema.tables.values() if _is_keyed(table)}
    for original, records in tombstones.items():
        if original in roots:
            yield roots[original], wish_of(original), records


def _is_keyed(table: Table) -> bool:
    return is_merged_root(table) or is_history_root(table)


def _keeps_the_first(table: Table) -> bool:
    return isinstance(table.write, Merge) and table.write.strategy == "insert-only"


def _hard_delete(table: Table, wish_of: WishOf) -> str | None:
    wish = wish_of(_original(table)) if table.parent is None else None
    if wish is None or wish.hard_delete is None:
        return None
    columns = {".".join(column.source): column.name for column in table.columns.values() if column.source}
    found = columns.get(wish.hard_delete, wish.hard_delete)
    return found if found in table.columns else None


def _original(table: Table | FlatTable) -> str:
    return table.source[0] if table.source else table.name
