"""Apicurio's own API of a schema registry, version 3 (and 2, where it is the same).

Source: https://www.apicur.io/registry/docs/apicurio-registry/3.0.x/assets-attachments/registry-rest-api.htm
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal
from urllib.parse import quote

from stream.errors import RegistryError, RegistryUnavailable
from stream.model.schemas import SchemaId, SchemaKind
from stream.registry.contract import KINDS, Entry, NotThere, Place, body_of
from stream.registry.requests import Answer, Requests

_TYPE_HEADER = "x-registry-artifacttype"


class ApicurioApi:
    """`/ids/contentIds/{id}` or `/ids/globalIds/{id}`, and artifacts with versions for references."""

    probe: Final[Place] = "/search/artifacts?limit=1"

    def __init__(self, ids: Literal["content", "global"]) -> None:
        self._ids = ids

    def place_of(self, id: SchemaId) -> Place:
        """Return where the schema with that id is found. Raises `NotThere` for a UUID."""
        if not isinstance(id, int):
            raise NotThere("Apicurio's own API knows no schema ids of 16 bytes: set registry.api to confluent")
        return f"/ids/{self._ids}Ids/{id}"

    async def read(self, requests: Requests, place: Place) -> Entry:
        """Return the schema there. Raises `NotThere`, `RegistryUnavailable` or `RegistryError`."""
        content = await requests.get(f"{place}/content" if place.startswith("/groups/") else place)
        if not content.found:
            raise _not_found(content, place)
        text = _text(content)
        answer = await requests.get(f"{place}/references")
        references = _json(answer) if answer.found else []
        try:
            return Entry(_kind(content, text), text, tuple(map(_reference, references)))
        except (KeyError, TypeError, AttributeError):
            raise RegistryUnavailable("the schema registry's answer has references that make no sense") from None


def _text(answer: Answer) -> str:
    try:
        return body_of(answer).decode()
    except UnicodeDecodeError:
        raise NotThere("the schema is not UTF-8") from None


def _json(answer: Answer) -> Any:
    try:
        return json.loads(body_of(answer))
    except (ValueError, RecursionError):
        raise RegistryUnavailable("the schema registry's answer is not JSON: something else answers there") from None


def _not_found(answer: Answer, place: Place) -> Exception:
    try:
        told = json.loads(answer.body or b"")
    except (ValueError, RecursionError):
        told = None
    match told:
        case {"name": str(name)} if name.endswith("NotFoundException"):
            return NotThere(f"the schema registry has no such schema: {name}")
    return RegistryError(
        f"nothing is found at {place}, but no schema registry says so: check registry.url and registry.api"
    )


def _kind(answer: Answer, text: str) -> SchemaKind:
    """Return the kind of a schema; where no header tells it, by its looks: Protobuf is no JSON."""
    told = answer.headers.get(_TYPE_HEADER)
    if told is not None:
        if told not in KINDS:
            raise NotThere(f"the schema is of a type that headrace does not know: {told[:50]}")
        return KINDS[told]
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return "protobuf"
    is_avro = not isinstance(schema, dict) or schema.get("type") in ("record", "enum", "fixed", "map", "error")
    return "avro" if is_avro else "json-schema"


def _reference(reference: dict[str, Any]) -> tuple[str, Place]:
    group, artifact, version = (
        quote(str(reference.get(key) or "default"), safe="") for key in ("groupId", "artifactId", "version")
    )
    return str(reference["name"]), f"/groups/{group}/artifacts/{artifact}/versions/{version}"
