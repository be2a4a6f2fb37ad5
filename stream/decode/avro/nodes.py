"""An Avro schema as a tree of values, every named type written out where it is used.

Source: https://avro.apache.org/docs/1.12.0/specification/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


@dataclass(frozen=True, slots=True)
class Logical:
    """What a value means beyond its bytes: `decimal`, `date`, `uuid` and so on; digits for a decimal alone."""

    name: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without others inside."""

    kind: Kind
    logical: Logical | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many bytes."""

    name: str
    size: int
    logical: Logical | None = None


@dataclass(frozen=True, slots=True)
class Enum:
    """One of some symbols, by its index."""

    name: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """A list of items."""

    item: Node


@dataclass(frozen=True, slots=True)
class MapOf:
    """Values under names."""

    value: Node


@dataclass(frozen=True, slots=True)
class Union:
    """One of several branches, by its index; `name` tells a branch from the others in one union."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Values one after the other, each with a name."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a record; `doc` is what its schema says of it, for people."""

    name: str
    node: Node
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the types of a union."""

    name: str
    node: Node


Node: TypeAlias = Scalar | Fixed | Enum | ArrayOf | MapOf | Union | Record

NULL = Scalar("null")


def sole_branch(union: Union) -> Node | None:
    """Return the one branch that is not null, None when there are several or none: then the branches need names."""
    present = [branch.node for branch in union.branches if branch.node != NULL]
    return present[0] if len(present) == 1 else None


def least_bytes(node: Node) -> int:
    """Return how many bytes a value takes at least."""
    match node:
        case Scalar("null"):
            return 0
        case Scalar("float"):
            return 4
        case Scalar("double"):
            return 8
        case Fixed():
            return node.size
        case Record():
            return sum(least_bytes(field.node) for field in node.fields)
        case _:
            return 1


def leaves(node: Node) -> int:
    """Return how many Arrow values one value takes at least, null or not."""
    match node:
        case Record():
            return sum(leaves(field.node) for field in node.fields) or 1
        case Union():
            return sum(leaves(branch.node) for branch in node.branches) or 1
        case _:
            return 1


def leaves_per_byte(node: Node) -> float:
    """Return how many Arrow values a byte of a list may become: most, where each item is a null for a wide record."""
    match node:
        case ArrayOf(item) | MapOf(item):
            inner = leaves(item) / max(least_bytes(item), 1)
            return max(inner, leaves_per_byte(item))
        case Record():
            return max((leaves_per_byte(field.node) for field in node.fields), default=1.0)
        case Union():
            return max((leaves_per_byte(branch.node) for branch in node.branches), default=1.0)
        case _:
            return 1.0
