"""The shape of JSON values, and the least shape that two of them share. Conflicts are an answer, not a compromise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Final, TypeAlias

import pyarrow as pa


class Scalar(Enum):
    """What a JSON scalar is. `BIG`: an integer of 64 bits that a double would not hold."""

    NULL = "null"
    BOOL = "bool"
    INTEGER = "integer"
    BIG = "big"
    FRACTION = "fraction"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items share a shape."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Fields:
    """An object; no key of it need be there."""

    shapes: Mapping[str, Shape]


Shape: TypeAlias = Scalar | ListOf | Fields

NOTHING: Final = Fields({})
_NO_ITEMS: Final[Shape] = Scalar.NULL
_ODD_CHARACTER: Final = re.compile(r'["\\\x00-\x1f]')  # in a key: msgspec's structs refuse it
_NUMBERS: Final = (Scalar.INTEGER, Scalar.BIG, Scalar.FRACTION)
_ARROW: Final[Mapping[Scalar, pa.DataType]] = {
    Scalar.NULL: pa.bool_(),  # holds nulls too; pyarrow 26 makes a list of two nulls an array that is out of bounds
    Scalar.BOOL: pa.bool_(),
    Scalar.INTEGER: pa.int64(),
    Scalar.BIG: pa.int64(),
    Scalar.FRACTION: pa.float64(),
    Scalar.TEXT: pa.string(),
}


class NoShape(Exception):
    """No one Arrow type holds these values exactly."""


def shape_of(value: object) -> Shape:
    """Return the shape of a value as `read_exactly` gives it.

    Raises `NoShape` for a list of mixed items, a number that neither 64 bits nor a double hold, and an odd key.
    """
    match value:
        case None:
            return Scalar.NULL
        case bool():
            return Scalar.BOOL
        case int() if -(2**53) <= value <= 2**53:
            return Scalar.INTEGER
        case int() if -(2**63) <= value < 2**63:
            return Scalar.BIG
        case float():
            return Scalar.FRACTION
        case str():
            return Scalar.TEXT
        case list():
            return ListOf(reduce(unify, map(shape_of, value), _NO_ITEMS))
        case dict() if not any(map(_ODD_CHARACTER.search, value)):
            return Fields({key: shape_of(child) for key, child in value.items()})
        case _:
            raise NoShape


def unify(one: Shape, other: Shape) -> Shape:
    """Return the least shape that holds both, keys in order of appearance. Raises `NoShape` when there is none.

    Integers beyond 2**53 and fractions have none: a double would change the former, an integer the latter.
    """
    match one, other:
        case (same, also) if same == also:
            return one
        case (Scalar.NULL, shape) | (shape, Scalar.NULL):
            return shape
        case Fields(), Fields():
            return _joined_fields(one.shapes, other.shapes)
        case ListOf(), ListOf():
            return ListOf(unify(one.item, other.item))
        case Scalar(), Scalar() if {one, other} <= set(_NUMBERS) and {one, other} != {Scalar.BIG, Scalar.FRACTION}:
            return max(one, other, key=_NUMBERS.index)
        case _:
            raise NoShape


def extend(shape: Fields, others: Iterable[Fields], *, max_leaves: int) -> Fields:
    """Return `shape` grown by each of `others` that it can be joined with, the first ones first."""
    for other in others:
        try:
            grown = _joined_fields(shape.shapes, other.shapes)
        except NoShape:
            continue
        if leaves(grown) <= max_leaves:
            shape = grown
    return shape


def leaves(shape: Shape) -> int:
    """Return how many columns without columns inside `shape` makes."""
    match shape:
        case Fields():
            return sum(map(leaves, shape.shapes.values())) or 1
        case ListOf():
            return leaves(shape.item)
        case Scalar():
            return 1


def arrow_type(shape: Shape) -> pa.DataType:
    """Return the Arrow type of a column of this shape."""
    match shape:
        case Fields():
            return pa.struct([pa.field(key, arrow_type(child)) for key, child in shape.shapes.items()])
        case ListOf():
            return pa.list_(arrow_type(shape.item))
        case Scalar():
            return _ARROW[shape]


def has_fractions(shape: Shape) -> bool:
    """Return whether there is a column of doubles in this shape."""
    match shape:
        case Fields():
            return any(map(has_fractions, shape.shapes.values()))
        case ListOf():
            return has_fractions(shape.item)
        case Scalar():
            return shape is Scalar.FRACTION


def _joined_fields(one: Mapping[str, Shape], other: Mapping[str, Shape]) -> Fields:
    shapes = dict(one)
    for key, shape in other.items():
        shapes[key] = unify(shapes[key], shape) if key in shapes else shape
    return Fields(shapes)
