"""A source: resources that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stream.errors import ConfigError
from stream.extract.resource import Resource


class Source:
    """Resources by name, also as attributes: `shop.orders`. What is not selected is not loaded."""

    def __init__(self, name: str, resources: Iterable[Resource], *, section: str | None = None) -> None:
        self.name = name
        self.section = section or name
        self.resources: dict[str, Resource] = {}
        for resource in resources:
            if resource.name in self.resources:
                raise ConfigError(f"source {name!r} has two resources {resource.name!r}; rename one with with_name()")
            self.resources[resource.name] = resource

    def __repr__(self) -> str:
        return f"Source({self.name!r}, resources={', '.join(self.resources)})"

    def __getattr__(self, name: str) -> Resource:
        try:
            return self.__dict__["resources"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"source {self.__dict__.get('name')!r} has no resource {name!r}") from None

    def __iter__(self) -> Iterator[Any]:
        for resource in self.selected_resources.values():
            yield from resource

    @property
    def selected_resources(self) -> dict[str, Resource]:
        """Return the resources that are loaded."""
        return {name: resource for name, resource in self.resources.items() if resource.selected}

    def with_resources(self, *names: str) -> Source:
        """Return the source with only these resources selected. Raises `ConfigError` for a name that it lacks."""
        if unknown := [name for name in names if name not in self.resources]:
            raise ConfigError(
                f"source {self.name!r} has no resource {unknown[0]!r}; it has {', '.join(self.resources)}"
            )
        chosen = []
        for resource in self.resources.values():
            made = resource.copied()
            made.selected = resource.name in names
            chosen.append(made)
        return Source(self.name, chosen, section=self.section)

    def add_limit(self, max_items: int) -> Source:
        """Limit each resource; see `Resource.add_limit`."""
        for resource in self.resources.values():
            resource.add_limit(max_items)
        return self
