"""Events put together again from rows, and taken apart from JSON: the same facts on both sides, by paths (I6).

Reads tables by the naming rules alone: `a__b` is `b` in `a`, `<table>__<list>` holds a list, `x__v_<type>` is `x`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from support.destinations import Query, tables

Facts: TypeAlias = dict[tuple[str | int, ...], object]
"""Each scalar of one event, by the path to it: `("items", 0, "price")`. A scalar in a list is its member `value`."""

_SYSTEM: Final = ("_hr_", "_kafka_")
_HUMP: Final = re.compile(r"([a-z0-9])([A-Z])")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*Z")


def facts_of_rows(query: Query, dataset: str, root: str) -> dict[tuple[int, int], Facts]:
    """Return the facts of each event, by partition and offset. Raises `AssertionError` for orphans and doubles."""
    facts: dict[tuple[int, int], Facts] = {}
    at: dict[str, tuple[tuple[int, int], tuple[str | int, ...]]] = {}
    names = sorted(name for name in tables(query, dataset) if name == root or name.startswith(f"{root}__"))
    for name in names:
        for row in _rows(query, dataset, name):
            if name == root:
                event, path = (row["_kafka_partition"], row["_kafka_offset"]), ()
                assert event not in facts, f"{event} is twice in {root}"
                facts[event] = {}
            else:
                assert row["_hr_parent_id"] in at, f"a row of {name} has no parent"
                event, path = at[row["_hr_parent_id"]]
                assert at[row["_hr_root_id"]] == (event, ()), f"a row of {name} has another root than its parent"
                path = (*path, *_list_of(name, names), row["_hr_list_idx"])
            assert row["_hr_id"] not in at, f"two rows have the id {row['_hr_id']}"
            at[row["_hr_id"]] = event, path
            for column, value in row.items():
                if value is not None and not column.startswith(_SYSTEM):
                    key = (*path, *column.partition("__v_")[0].split("__"))
                    assert key not in facts[event], f"{event}: {key} is held twice"
                    facts[event][key] = _meaning(value)
    return facts


def facts_of_document(document: Mapping[str, Any]) -> Facts:
    """Return the facts of an event as it was produced."""
    return dict(_facts((), document))


def _facts(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], object]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _facts((*path, _HUMP.sub(r"\1_\2", key).lower()), member)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            inner = (*path, index) if isinstance(element, dict) else (*path, index, "value")
            yield from _facts(inner, element)
    elif value is not None:
        yield path, _meaning(value)


def _rows(query: Query, dataset: str, table: str) -> list[dict[str, Any]]:
    columns = [
        name
        for (name,) in query(
            "select column_name from information_schema.columns "
            f"where table_schema = '{dataset}' and table_name = '{table}' order by ordinal_position"
        )
    ]
    names = ", ".join(f'"{column}"' for column in columns)
    return [dict(zip(columns, row, strict=True)) for row in query(f'select {names} from "{dataset}"."{table}"')]


def _list_of(table: str, names: list[str]) -> list[str]:
    """Return the path from its parent's row to the list that `table` holds."""
    parent = max((name for name in names if table.startswith(f"{name}__")), key=len)
    return table.removeprefix(f"{parent}__").split("__")


def _meaning(value: Any) -> object:
    match value:
        case bool():
            return "true" if value else "false"  # else it would equal a number
        case datetime():
            return value.astimezone(UTC)
        case str() if _TIMESTAMP.fullmatch(value):
            return datetime.fromisoformat(value)
        case _:
            return value
