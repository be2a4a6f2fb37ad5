"""One door for everything that can be loaded: whatever the data is, resources come out."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from stream.errors import ConfigError
from stream.extract.call import is_function
from stream.extract.frames import is_tabular
from stream.extract.resource import Resource
from stream.extract.source import Source
from stream.model.hints import Hints


def as_resources(data: Any, table_name: str | None, wished: Hints) -> list[Resource]:
    """Return the resources that `data` is, with `table_name` and `wished` in the place of their own where given.

    Raises `ConfigError` for what is no data, and where there is no name for a table.
    """
    if table_name is not None and (not isinstance(table_name, str) or not table_name.strip()):
        raise ConfigError(f"table_name is the name of a table, not {table_name!r}")
    found = _resources(data, table_name)
    return [_wishing(resource, table_name, wished) for resource in found if resource.selected]


def _resources(data: Any, table_name: str | None) -> list[Resource]:
    if isinstance(data, Source):
        return list(data.resources.values())
    if isinstance(data, Resource):
        return [data]
    if isinstance(data, list | tuple) and data and all(isinstance(each, Resource | Source) for each in data):
        return [resource for each in data for resource in _resources(each, table_name)]
    _check(data)
    name = _own_name(data) if table_name is None else table_name
    if name is None:
        raise ConfigError("this data has no name of its own: say which table it goes to, run(data, table_name='...')")
    return [Resource(data, name)]


def _wishing(resource: Resource, table_name: str | None, wished: Hints) -> Resource:
    made = resource.copied()
    if table_name is not None:
        made.table_name = table_name
    changes: dict[str, Any] = {}
    for name in ("write_disposition", "primary_key", "merge_key", "schema_contract", "max_table_nesting"):
        value = getattr(wished, name)
        if value is not None and value != () and value != {}:
            changes[name] = value
    if wished.columns:
        mine = made.hints.columns
        changes["columns"] = {**mine, **{c: {**mine.get(c, {}), **hints} for c, hints in wished.columns.items()}}
    made.hints = replace(made.hints, **changes)
    return made


def _check(data: Any) -> None:
    if is_function(data) or is_tabular(data) or inspect.isawaitable(data) or isinstance(data, AsyncIterable):
        return
    if isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        kind = type(data).__name__
        raise ConfigError(f"run() takes a list, an iterable or a generator of objects, not {kind}: put it in a list")
    if hasattr(data, "columns") and not callable(data.columns):
        raise ConfigError(
            f"a {type(data).__name__} gives its columns when it is gone through, not its rows: hand over "
            "df.to_dict('records') (pandas), df.to_dicts() (polars), or an Arrow table"
        )


def _own_name(data: Any) -> str | None:
    if not (is_function(data) or inspect.isgenerator(data) or inspect.isasyncgen(data)):
        return None
    name = getattr(data, "__name__", None)
    return name if name and name.isidentifier() else None  # else `<lambda>` or `<genexpr>`
