"""How rows are written to a table: a value that is stored with the table, so that all replicas write alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Strategy: TypeAlias = Literal["upsert", "delete-insert", "insert-only"]

REMEMBERED_DAYS: Final = 7  # a late event older than a delete stays deleted for this long


@dataclass(frozen=True, slots=True)
class SortBy:
    """A column that tells which of two rows of one key is the newer: by the higher value, or by the `lowest`.

    A row without a value is older than all others.
    """

    column: str
    lowest: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """Each row is kept."""


@dataclass(frozen=True, slots=True)
class Replace:
    """The rows of the newest run are the whole content; readers see the old content or the new one, never none."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One row for each `key` (names of columns that are never null): the newest by `sort`, then by the source's order.

    The source's order is the offset within a partition; between partitions it is Kafka's timestamp; rows that do not
    come from Kafka are in the order of their loads. Child tables have the value of their root: their rows are replaced
    with it.

    `insert-only` keeps the first row. `delete-insert` replaces all rows that share `merge_key` with those of a batch.
    `soft_delete` is the column that takes the time of a delete; without it a delete removes the row. A delete is
    remembered for `REMEMBERED_DAYS`. `partial`: a column for which an event has no value keeps the one it has.
    """

    key: tuple[str, ...]
    strategy: Strategy = "upsert"
    merge_key: tuple[str, ...] = ()
    sort: tuple[SortBy, ...] = ()
    soft_delete: str | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Scd2:
    """One row for each version of each `key`: valid from `_hr_valid_from` until `_hr_valid_to`, null for the newest."""

    key: tuple[str, ...]
    sort: tuple[SortBy, ...] = ()


Write: TypeAlias = Append | Replace | Merge | Scd2

APPEND: Final = Append()
