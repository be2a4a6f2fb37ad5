"""How a table is written, as a part of the schema document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from sinks.write import Append, Merge, Replace, Scd2, SortBy, Write


def write_to_document(write: Write) -> dict[str, Any]:
    """Return `write` as JSON values."""
    match write:
        case Append():
            return {"disposition": "append"}
        case Replace():
            return {"disposition": "replace"}
        case Merge():
            return {
                "disposition": "merge",
                "strategy": write.strategy,
                "key": write.key,
                "merge_key": write.merge_key,
                "sort": _sort_out(write.sort),
                "soft_delete": write.soft_delete,
                "partial": write.partial,
            }
        case Scd2():
            return {"disposition": "scd2", "key": write.key, "sort": _sort_out(write.sort)}
        case _:
            assert_never(write)


def write_from_document(values: Mapping[str, Any]) -> Write:
    """Return what `write_to_document` gave; raises `ValueError` for a disposition of a newer headrace."""
    match values["disposition"]:
        case "append":
            return Append()
        case "replace":
            return Replace()
        case "merge":
            return Merge(
                key=tuple(values["key"]),
                strategy=values["strategy"],
                merge_key=tuple(values["merge_key"]),
                sort=_sort_in(values["sort"]),
                soft_delete=values["soft_delete"],
                partial=values["partial"],
            )
        case "scd2":
            return Scd2(tuple(values["key"]), _sort_in(values["sort"]))
        case other:
            raise ValueError(f"schema document with write disposition {other!r}: a newer headrace wrote it; upgrade")


def _sort_out(sort: tuple[SortBy, ...]) -> list[list[Any]]:
    return [[by.column, by.lowest] for by in sort]


def _sort_in(pairs: list[list[Any]]) -> tuple[SortBy, ...]:
    return tuple(SortBy(column, lowest) for column, lowest in pairs)
