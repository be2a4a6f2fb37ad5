"""Schemas by which records are written, as a registry keeps them: immutable texts with an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from uuid import UUID

SchemaId: TypeAlias = int | UUID
"""What a record names its schema by: a registry's number, or the 16 bytes that newer serializers put into a header."""

SchemaKind: TypeAlias = Literal["avro", "json-schema", "protobuf"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema that another one uses, under the name by which it is used there."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """A schema with everything it refers to, directly or not; what a reference itself needs stands before it."""

    kind: SchemaKind
    text: str
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class NoSchema:
    """The registry's definite answer that there is no usable schema with that id; the text says why."""

    error: str


Found: TypeAlias = WriterSchema | NoSchema
Schemas: TypeAlias = Mapping[SchemaId, Found]
"""What a registry said of each id that was asked for."""

NO_SCHEMAS: Final[Schemas] = MappingProxyType({})
