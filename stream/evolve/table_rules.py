"""What a user says of the columns of one root table and its children: contract, types, and what must be there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sinks.schema import NO_HINTS, ColumnHints, DataType
from stream.model.field_paths import FieldPath, PathPattern

Mode: TypeAlias = Literal["evolve", "freeze", "discard_row", "discard_value"]


@dataclass(frozen=True, slots=True)
class Contract:
    """What may change: new tables, new columns, other types. `stop`: what is frozen ends the run, and is no reject."""

    tables: Mode = "evolve"
    columns: Mode = "evolve"
    data_type: Mode = "evolve"
    stop: bool = False


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What a user says of the columns that `field` names; None and True mean that nothing was said."""

    field: PathPattern
    type: DataType | None = None
    nullable: bool = True
    hints: ColumnHints = NO_HINTS


@dataclass(frozen=True, slots=True)
class TableRules:
    """The contract, the rules for single columns, and the types that names ask for; the first that matches counts."""

    contract: Contract = Contract()
    columns: tuple[ColumnRule, ...] = ()
    preferred: tuple[tuple[re.Pattern[str], DataType], ...] = ()
    detect_timestamps: bool | None = None  # None: as everywhere

    def type_of(self, field: FieldPath) -> DataType | None:
        """Return the type that a new column for `field` must have; None where its values decide."""
        hinted = next((rule.type for rule in self.columns if rule.type and rule.field.covers(field)), None)
        if hinted is not None:
            return hinted
        return next((kind for name, kind in self.preferred if name.fullmatch(field.column)), None)

    def hints_of(self, field: FieldPath) -> ColumnHints:
        """Return what a user says of a new column for `field` beside its type."""
        return next(
            (rule.hints for rule in self.columns if rule.hints != NO_HINTS and rule.field.covers(field)), NO_HINTS
        )

    def declared(self) -> Mapping[str, DataType]:
        """Return the columns of the root table that a user named with their types: they are there from the start."""
        named = ((rule.field.column, rule.type) for rule in self.columns)
        return {name: kind for name, kind in named if name is not None and kind is not None}

    def requires(self, field: FieldPath) -> bool:
        """Return whether each row must have a value for `field`."""
        return any(not rule.nullable and rule.field.covers(field) for rule in self.columns)


NO_RULES: Final = TableRules()
