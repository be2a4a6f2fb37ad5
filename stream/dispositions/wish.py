"""How a user wants a table to be written, by the names of fields; and the same by the names of columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from sinks import Append, Merge, Replace, Scd2, SortBy, Write
from sinks.write import Strategy

Disposition: TypeAlias = Literal["append", "replace", "merge", "scd2"]
KeyFormat: TypeAlias = Literal["text", "json", "bytes"]

KAFKA_KEY: Final = "_kafka_key"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user says of a table. Fields are paths with dots (`customer.id`), or columns.

    `dedup_sort`: fields that tell the newer event, the highest value first, or the lowest for `field asc`.
    `hard_delete`: an event in which this field is true, or not null, deletes. `soft_delete`: the column that takes the
    time of a delete instead. `key_format`: what `_kafka_key` is, where that is the key.
    """

    disposition: Disposition
    strategy: Strategy = "upsert"
    primary_key: tuple[str, ...] = ()
    dedup_sort: tuple[str, ...] = ()
    hard_delete: str | None = None
    soft_delete: str | None = None
    key_format: KeyFormat = "text"


ColumnOf: TypeAlias = Callable[[str], str]
"""The column that holds a field."""


def write_for(wish: Wish, column_of: ColumnOf) -> Write:
    """Return how a table is written, as it is stored with it."""
    match wish.disposition:
        case "append":
            return Append()
        case "replace":
            return Replace()
        case "merge":
            return Merge(
                key=tuple(column_of(field) for field in wish.primary_key),
                strategy=wish.strategy,
                sort=tuple(_sort_by(text, column_of) for text in wish.dedup_sort),
                soft_delete=wish.soft_delete,
            )
        case "scd2":
            return Scd2(
                key=tuple(column_of(field) for field in wish.primary_key),
                sort=tuple(_sort_by(text, column_of) for text in wish.dedup_sort),
            )
        case _:
            assert_never(wish.disposition)


def _sort_by(text: str, column_of: ColumnOf) -> SortBy:
    field, _, direction = text.partition(" ")
    return SortBy(column_of(field), lowest=direction == "asc")
