"""`@resource`, `@transformer` and `@source`: from functions and data to what a pipeline can load."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypedDict, Unpack, overload

from stream.config.lookup import Placeholder, lookup_argument, parameters_of
from stream.errors import ConfigError
from stream.extract.call import is_function
from stream.extract.hints import hints_of
from stream.extract.resource import Resource, TableName
from stream.extract.source import Source
from stream.model.hints import Hints


class ResourceOptions(TypedDict, total=False):
    """The options of `resource` and `transformer`."""

    name: str | None
    table_name: TableName | None
    write_disposition: str | Mapping[str, Any] | None
    columns: Any
    primary_key: Any
    merge_key: Any
    schema_contract: Any
    max_table_nesting: int | None
    selected: bool
    section: str | None
    parallelized: bool


@overload
def resource(data: None = None, /, **options: Unpack[ResourceOptions]) -> Callable[[Any], Resource]: ...
@overload
def resource(data: object, /, **options: Unpack[ResourceOptions]) -> Resource: ...
def resource(
    data: Any = None,
    /,
    *,
    name: str | None = None,
    table_name: TableName | None = None,
    write_disposition: str | Mapping[str, Any] | None = None,
    columns: Any = None,
    primary_key: Any = None,
    merge_key: Any = None,
    schema_contract: Any = None,
    max_table_nesting: int | None = None,
    selected: bool = True,
    section: str | None = None,
    parallelized: bool = False,
) -> Resource | Callable[[Any], Resource]:
    """Return a resource of a (generator) function or of data; without either, a decorator for a function.

    `name` defaults to the function's, `table_name` to the name; a function of the row gives each row its table.
    Parameters whose default is `headrace.config.value`, `headrace.secrets.value` or `headrace.incremental(...)` are
    filled in when it is extracted. Raises `ConfigError` for hints that cannot be, and for data without a name.
    """
    hints = hints_of(
        write_disposition=write_disposition,
        columns=columns,
        primary_key=primary_key,
        merge_key=merge_key,
        schema_contract=schema_contract,
        max_table_nesting=max_table_nesting,
    )

    def make(data: Any) -> Resource:
        return _made(data, name, table_name, hints, selected, section, parallelized)

    return make if data is None else make(data)


@overload
def transformer(
    function: None = None, /, *, data_from: Resource | None = ..., **options: Unpack[ResourceOptions]
) -> Callable[[Callable[..., Any]], Resource]: ...
@overload
def transformer(
    function: Callable[..., Any], /, *, data_from: Resource | None = ..., **options: Unpack[ResourceOptions]
) -> Resource: ...
def transformer(
    function: Callable[..., Any] | None = None,
    /,
    *,
    data_from: Resource | None = None,
    **options: Unpack[ResourceOptions],
) -> Resource | Callable[[Callable[..., Any]], Resource]:
    """Return a resource whose function takes each item of another one first: `orders | details`, or `data_from`.

    The other options are those of `resource`.
    """

    def make(function: Callable[..., Any]) -> Resource:
        made = resource(function, **options)
        made.is_transformer = True
        made.parent = data_from
        return made

    return make if function is None else make(function)


@overload
def source(function: Callable[..., Any], /) -> Callable[..., Source]: ...
@overload
def source(
    function: None = None,
    /,
    *,
    name: str | None = ...,
    section: str | None = ...,
    schema: Any = ...,
    max_table_nesting: int | None = ...,
    schema_contract: Any = ...,
) -> Callable[[Callable[..., Any]], Callable[..., Source]]: ...
def source(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    section: str | None = None,
    schema: Any = None,
    max_table_nesting: int | None = None,
    schema_contract: Any = None,
) -> Any:
    """Return a decorator for a function that returns or yields resources; calling that gives a `Source`.

    `name` defaults to the function's and `section`, where its arguments are configured, to the name. The hints count
    for resources that have none of their own.
    """
    wished = hints_of(max_table_nesting=max_table_nesting, schema_contract=schema_contract)

    def decorate(function: Callable[..., Any]) -> Callable[..., Source]:
        named = name or (schema if isinstance(schema, str) else None) or function.__name__

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Source:
            filled = _filled(function, section or named, args, kwargs)
            found = function(*args, **filled)
            return Source(named, _resources(named, section or named, found, wished), section=section)

        return call

    return decorate if function is None else decorate(function)


def _made(
    data: Any,
    name: str | None,
    table_name: TableName | None,
    hints: Hints,
    selected: bool,
    section: str | None,
    parallelized: bool,
) -> Resource:
    own = getattr(data, "__name__", None) if is_function(data) or inspect.isgenerator(data) else None
    named = name or (own if own and own.isidentifier() else None)
    if named is None and isinstance(table_name, str):
        named = table_name
    if not isinstance(named, str) or not named.strip():
        raise ConfigError("a resource needs a name: resource(data, name='orders')")
    return Resource(
        data,
        named,
        table_name=table_name,
        hints=hints,
        selected=selected,
        section=section,
        parallelized=parallelized,
    )


def _filled(function: Callable[..., Any], section: str, args: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(kwargs)
    for parameter in parameters_of(function)[len(args) :]:
        if isinstance(parameter.default, Placeholder) and parameter.name not in filled:
            filled[parameter.name] = lookup_argument(parameter, None, section, secret=parameter.default.secret)
    return filled


def _resources(source: str, section: str, found: Any, wished: Hints) -> list[Resource]:
    if isinstance(found, Resource | Source):
        found = [found]
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Iterable):
        raise ConfigError(f"source {source!r} returns resources, not a {type(found).__name__}")
    made: list[Resource] = []
    for each in found:
        if isinstance(each, Source):
            made += each.resources.values()
        elif isinstance(each, Resource):
            made.append(_in_source(each, section, wished))
        else:
            raise ConfigError(f"source {source!r} returns resources, and {type(each).__name__} is none: decorate it")
    return made


def _in_source(resource: Resource, section: str, wished: Hints) -> Resource:
    made = resource.copied()
    made.section = made.section or section
    hints = made.hints
    nesting = wished.max_table_nesting if hints.max_table_nesting is None else hints.max_table_nesting
    contract = {**wished.schema_contract, **hints.schema_contract}
    made.hints = replace(hints, max_table_nesting=nesting, schema_contract=contract)
    return made
