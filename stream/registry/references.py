"""A schema with all the schemas that it refers to: no circles, no tower without a top."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from stream.model.schemas import Reference, WriterSchema
from stream.registry.contract import Entry, NotThere, Place

MAX_DEPTH: Final = 16
MAX_REFERENCES: Final = 200

ReadEntry = Callable[[Place], Awaitable[Entry]]


async def resolve(place: Place, read: ReadEntry, *, max_bytes: int) -> WriterSchema:
    """Return the schema at `place`, each schema that it needs once, and before those that need it.

    Raises `NotThere` when there are too many references, too deep, too large or in a circle; and what `read` raises.
    """
    found: dict[str, str] = {}
    size = 0

    async def enter(here: Place, above: tuple[Place, ...]) -> Entry:
        nonlocal size
        if here in above:
            raise NotThere("the schema refers to itself, through its references")
        if len(above) > MAX_DEPTH:
            raise NotThere(f"the schema's references are nested deeper than {MAX_DEPTH} levels")
        entry = await read(here)
        size += len(entry.text.encode())
        if size > max_bytes:
            raise NotThere(
                f"the schema, with what it refers to, is larger than registry.max_schema_bytes ({max_bytes:,})"
            )
        for name, there in entry.references:
            if name not in found:
                inner = await enter(there, (*above, here))
                found[name] = inner.text
            if len(found) > MAX_REFERENCES:
                raise NotThere(f"the schema refers to more than {MAX_REFERENCES} others")
        return entry

    entry = await enter(place, ())
    return WriterSchema(entry.kind, entry.text, tuple(Reference(name, text) for name, text in found.items()))
