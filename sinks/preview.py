"""What a sink may tell of changes before they are made: an optional port. Nothing in it writes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sinks.changes import SchemaPlan
from sinks.schema import Schema


@runtime_checkable
class Preview(Protocol):
    """A sink that can say what it would do. `aclose` of the sink closes what these open."""

    async def stored_schema(self) -> Schema:
        """Return the newest stored schema, the empty one where there is no dataset yet. Creates nothing."""
        ...

    def statements(self, plan: SchemaPlan) -> tuple[str, ...]:
        """Return what `Sink.apply` would send for `plan`, in order, as text for people. Asks nobody."""
        ...
