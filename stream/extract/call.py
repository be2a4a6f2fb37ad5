"""Calling a resource's function: with what the user gave, what configuration says, and cursors where they stand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from stream.config.lookup import Placeholder, lookup_argument, parameters_of
from stream.extract.incremental import Cursor, incremental
from stream.extract.resource import Resource
from stream.extract.state import is_extracting, resource_state
from stream.extract.steps import Step


class Call:
    """One extraction of one resource: its arguments and its steps, made once."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._cursors: list[Cursor] = []
        self._call: Callable[..., Any] | None = None
        if is_function(resource.data):
            self._call = self._bound(resource.data)

    def steps(self) -> list[Step]:
        """Return the steps of this extraction: cursors first, then those of the resource."""
        return [*self._cursors, *(make() for make in self._resource.steps)]

    def __call__(self, *items: Any) -> Any:
        """Return what the function gives for `items` (those of a transformer's parent), or the data itself."""
        return self._resource.data if self._call is None else self._call(*items)

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        args, kwargs = self._resource.arguments or ((), {})
        fed = 1 if self._resource.is_transformer else 0
        parameters = parameters_of(function)[fed:]
        positional = [self._live(value) for value in args]
        named = {name: self._live(value) for name, value in kwargs.items()}
        for parameter in parameters[len(args) :]:
            if parameter.name in named:
                continue
            if isinstance(parameter.default, incremental):
                named[parameter.name] = self._live(parameter.default)
            elif isinstance(parameter.default, Placeholder):
                named[parameter.name] = lookup_argument(
                    parameter, self._resource.section, self._resource.name, secret=parameter.default.secret
                )
        return lambda *items: function(*items, *positional, **named)

    def _live(self, value: Any) -> Any:
        if not isinstance(value, incremental):
            return value
        memory = resource_state(self._resource.name) if is_extracting() else {}
        cursor = value.begun(memory, self._resource.hints.primary_key)
        self._cursors.append(cursor)
        return cursor.given


def is_function(data: Any) -> bool:
    """Return whether `data` is to be called for what it returns."""
    return inspect.isfunction(data) or inspect.ismethod(data) or (callable(data) and hasattr(data, "func"))
