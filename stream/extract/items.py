"""The items of a resource, one after the other, with or without an event loop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from stream.errors import ConfigError
from stream.extract.call import Call
from stream.extract.frames import is_tabular
from stream.extract.resource import Resource
from stream.extract.steps import LimitReached, through


class NeedsLoop(Exception):
    """The data, which stands in `args`, is asynchronous: it can only be awaited."""


def items_of(resource: Resource) -> Iterator[Any]:
    """Yield the items of a resource, after its steps. Raises `NeedsLoop` before the first one where it must await."""
    call = Call(resource)
    steps = call.steps()
    try:
        for item in _raw(resource, call):
            yield from through(steps, item)
    except LimitReached:
        return


async def async_items_of(resource: Resource) -> AsyncIterator[Any]:
    """Yield the items of a resource, after its steps, awaiting what is asynchronous."""
    call = Call(resource)
    steps = call.steps()
    try:
        async for item in _raw_async(resource, call):
            for made in through(steps, item):
                yield made
    except LimitReached:
        return


def needs_loop(resource: Resource) -> bool:
    """Return whether a resource, or what feeds it, is asynchronous as far as can be told without calling it."""
    data = resource.data
    asynchronous = (
        inspect.isasyncgenfunction(_function(data))
        or inspect.iscoroutinefunction(_function(data))
        or inspect.isawaitable(data)
        or isinstance(data, AsyncIterable)
    )
    return asynchronous or (resource.parent is not None and needs_loop(resource.parent))


def _function(data: Any) -> Any:
    return getattr(data, "func", data)  # what a functools.partial is of


def _raw(resource: Resource, call: Call) -> Iterator[Any]:
    if resource.parent is not None:
        for item in items_of(resource.parent):
            yield from _each(call(item))
    elif resource.is_transformer:
        raise _unfed(resource)
    else:
        yield from _each(call())


async def _raw_async(resource: Resource, call: Call) -> AsyncIterator[Any]:
    if resource.parent is not None:
        async for item in async_items_of(resource.parent):
            async for made in _each_async(call(item)):
                yield made
    elif resource.is_transformer:
        raise _unfed(resource)
    else:
        async for made in _each_async(call()):
            yield made


def _unfed(resource: Resource) -> ConfigError:
    return ConfigError(f"transformer {resource.name!r} has nothing to transform: write resource | {resource.name}")


def _each(data: Any) -> Iterator[Any]:
    if isinstance(data, Resource):
        yield from items_of(data)
    elif inspect.isawaitable(data) or isinstance(data, AsyncIterable):
        raise NeedsLoop(data)
    else:
        yield from _iterable(data)


async def _each_async(data: Any) -> AsyncIterator[Any]:
    if inspect.isawaitable(data):
        data = await data
    if isinstance(data, Resource):
        async for item in async_items_of(data):
            yield item
    elif isinstance(data, AsyncIterable):
        async for item in data:
            yield item
    else:
        for item in _iterable(data):
            yield item


def _iterable(data: Any) -> Iterable[Any]:
    """Return what one call gave as items: a table, an object and a scalar are one, None is none."""
    if data is None:
        return ()
    if is_tabular(data) or isinstance(data, str | bytes | Mapping) or not isinstance(data, Iterable):
        return (data,)
    return data
