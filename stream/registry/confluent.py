"""Confluent's API of a schema registry.

Source: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from stream.errors import RegistryError, RegistryUnavailable
from stream.model.schemas import SchemaId
from stream.registry.contract import KINDS, Entry, NotThere, Place, body_of
from stream.registry.requests import Answer, Requests

_NOT_FOUND: Final = frozenset({40401, 40402, 40403})  # subject, version, schema


class ConfluentApi:
    """`/schemas/ids/{id}`, `/schemas/guids/{uuid}`, and subjects with versions for references."""

    probe: Final[Place] = "/subjects?limit=1"

    def place_of(self, id: SchemaId) -> Place:
        """Return where the schema with that id is found."""
        return f"/schemas/guids/{id}" if isinstance(id, UUID) else f"/schemas/ids/{id}"

    async def read(self, requests: Requests, place: Place) -> Entry:
        """Return the schema there. Raises `NotThere`, `RegistryUnavailable` or `RegistryError`."""
        answer = await requests.get(place)
        told = _json(answer)
        if not answer.found:
            raise _not_found(told, place)
        match told:
            case {"schema": str(text)}:
                return _entry(text, told)
        raise RegistryUnavailable(f"the schema registry's answer to {place} holds no schema")


def _json(answer: Answer) -> Any:
    try:
        return json.loads(body_of(answer))
    except (ValueError, RecursionError):
        if not answer.found:
            return None
        raise RegistryUnavailable("the schema registry's answer is not JSON: something else answers there") from None


def _not_found(told: Any, place: Place) -> Exception:
    match told:
        case {"error_code": int(code), "message": message} if code in _NOT_FOUND:
            return NotThere(f"the schema registry has no such schema: {str(message)[:200]}")
    return RegistryError(
        f"nothing is found at {place}, but no schema registry says so: check registry.url and registry.api"
    )


def _entry(text: str, told: dict[str, Any]) -> Entry:
    kind = told.get("schemaType") or "AVRO"
    if kind not in KINDS:
        raise NotThere(f"the schema is of a type that headrace does not know: {str(kind)[:50]}")
    references = told.get("references") or ()
    try:
        return Entry(KINDS[kind], text, tuple(map(_reference, references)))
    except (KeyError, TypeError):
        raise RegistryUnavailable("the schema registry's answer has references that make no sense") from None


def _reference(reference: dict[str, Any]) -> tuple[str, Place]:
    subject, version = quote(reference["subject"], safe=""), int(reference["version"])
    return str(reference["name"]), f"/subjects/{subject}/versions/{version}"
