"""A resource: data with a name, wishes for its table, and what is done to its items on the way."""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from stream.errors import ConfigError
from stream.extract.steps import StepMaker, filtering, limiting, mapping
from stream.model.hints import Hints

TableName: TypeAlias = str | Callable[[Any], str]
Arguments: TypeAlias = tuple[tuple[Any, ...], Mapping[str, Any]]


class Resource:
    """Data that goes to one table, or to one per row where `table_name` is a function of the row.

    Iterating over a resource gives its items, after its maps and filters, without a pipeline: for trying it out.
    """

    def __init__(
        self,
        data: Any,
        name: str,
        *,
        table_name: TableName | None = None,
        hints: Hints | None = None,
        selected: bool = True,
        section: str | None = None,
        is_transformer: bool = False,
        parallelized: bool = False,
    ) -> None:
        self.name = name
        self.data = data
        self.table_name: TableName = table_name or name
        self.hints = replace(hints or Hints(), resource=name)
        self.selected = selected
        self.section = section
        self.is_transformer = is_transformer
        self.parallelized = parallelized
        self.parent: Resource | None = None
        self.steps: list[StepMaker] = []
        self.arguments: Arguments | None = None

    def __repr__(self) -> str:
        return f"Resource({self.name!r}, table_name={self.table_name!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> Resource:
        """Return the same resource with arguments for its function."""
        if not callable(self.data):
            raise ConfigError(f"resource {self.name!r} is data, not a function: it takes no arguments")
        try:
            bound = inspect.signature(self.data)
            bound.bind_partial(*((None,) if self.is_transformer else ()), *args, **kwargs)
        except TypeError as error:
            raise ConfigError(f"resource {self.name!r} cannot be called like that: {error}") from None
        made = self.copied()
        made.arguments = (args, kwargs)
        return made

    def __or__(self, transformer: Resource | Callable[..., Any]) -> Resource:
        """Return `transformer` fed with the items of this resource: `orders | details`."""
        if not isinstance(transformer, Resource):
            transformer = Resource(transformer, getattr(transformer, "__name__", "transformer"), is_transformer=True)
        if not transformer.is_transformer:
            raise ConfigError(f"{transformer.name!r} is no transformer: make it one with @headrace.transformer")
        made = transformer.copied()
        made.parent = self
        return made

    def __iter__(self) -> Iterator[Any]:
        from stream.extract.items import items_of

        return items_of(self)

    def __aiter__(self) -> AsyncIterator[Any]:
        from stream.extract.items import async_items_of

        return async_items_of(self)

    def copied(self) -> Resource:
        """Return a resource like this one that changes by itself."""
        made = copy.copy(self)
        made.steps = list(self.steps)
        return made

    def add_map(self, change: Callable[[Any], Any]) -> Resource:
        """Replace each row by `change(row)`. Where the data are Arrow tables, each table by `change(table)`."""
        self.steps.append(mapping(change))
        return self

    def add_filter(self, keep: Callable[[Any], Any]) -> Resource:
        """Let only rows pass for which `keep(row)` is true. For an Arrow table, `keep(table)` gives a mask."""
        self.steps.append(filtering(keep))
        return self

    def add_limit(self, max_items: int) -> Resource:
        """End after `max_items` items that the data yield: rows, or lists or tables of them."""
        if not isinstance(max_items, int) or max_items < 0:
            raise ConfigError(f"add_limit takes a number of items, 0 or more, not {max_items!r}")
        self.steps.append(limiting(max_items))
        return self

    def with_name(self, name: str) -> Resource:
        """Return this resource under another name, for a second use with its own state."""
        made = self.copied()
        if made.table_name == made.name:
            made.table_name = name
        made.name = name
        made.hints = replace(made.hints, resource=name)
        return made

    def apply_hints(self, *, table_name: TableName | None = None, **hints: Any) -> Resource:
        """Change the wishes for the table; names and values are those of `@headrace.resource`."""
        from stream.extract.hints import hints_of

        if table_name is not None:
            self.table_name = table_name
        wished = hints_of(**hints)
        given = {name: getattr(wished, name) for name, value in hints.items() if value is not None}
        self.hints = replace(self.hints, **given)
        return self
