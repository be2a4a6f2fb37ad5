"""What the client needs to know of a registry's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from stream.model.schemas import SchemaId, SchemaKind
from stream.registry.requests import Answer, Requests

KINDS: Final[dict[str, SchemaKind]] = {"AVRO": "avro", "JSON": "json-schema", "PROTOBUF": "protobuf"}

Place: TypeAlias = str
"""Where a schema is found: a path below the registry's address."""


class NotThere(Exception):
    """The registry knows for certain that it has no such schema, or none that we can use; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One schema as the registry has it: its text, and the name and place of each schema that it refers to."""

    kind: SchemaKind
    text: str
    references: tuple[tuple[str, Place], ...] = ()


class Api(Protocol):
    """How to ask one kind of registry."""

    @property
    def probe(self) -> Place:
        """Return a path that each of them has, for those who may read schemas."""
        ...

    def place_of(self, id: SchemaId) -> Place:
        """Return where the schema with that id is found. Raises `NotThere` for an id that the API does not know."""
        ...

    async def read(self, requests: Requests, place: Place) -> Entry:
        """Return what is there. Raises `NotThere`, `RegistryUnavailable` or `RegistryError`."""
        ...


def body_of(answer: Answer) -> bytes:
    """Return the body of an answer. Raises `NotThere` when it is too large."""
    if answer.body is None:
        raise NotThere("the schema is larger than registry.max_schema_bytes")
    return answer.body
