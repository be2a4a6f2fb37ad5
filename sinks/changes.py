"""A change of schema is a value: additive steps, collected in a plan that says which version it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sinks.schema import Column, DataType, Schema, Table


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A table that was not there, with all its columns."""

    table: Table


@dataclass(frozen=True, slots=True)
class AddColumn:
    """A new nullable column of a table that exists (a variant is one too)."""

    table: str
    column: Column


@dataclass(frozen=True, slots=True)
class WidenColumn:
    """A column whose type grows into one that holds all its values exactly."""

    table: str
    column: Column
    was: DataType


Change: TypeAlias = CreateTable | AddColumn | WidenColumn


@dataclass(frozen=True, slots=True)
class SchemaPlan:
    """The way from schema `base` to schema `target`. Empty when there is nothing to change; then they are equal.

    `target.version` is `base.version + 1` when there are changes.
    """

    base: Schema
    target: Schema
    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)
