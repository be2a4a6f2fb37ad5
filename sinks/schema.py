"""Tables and columns as they should be in the destination: values, no behaviour of any database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import pyarrow as pa

from sinks.write import APPEND, Write

Kind = Literal["text", "bigint", "double", "bool", "timestamp", "date", "time", "binary", "decimal", "json"]

_ARROW: Final[Mapping[str, pa.DataType]] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "binary": pa.binary(),
    "json": pa.string(),
}


@dataclass(frozen=True, slots=True)
class DataType:
    """One of the types a column can have. `precision` and `scale` belong to decimal alone (at most 38 digits)."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind == "decimal" else self.kind

    @property
    def arrow(self) -> pa.DataType:
        """Return the one Arrow type in which a batch carries such a column."""
        if self.kind == "decimal":
            return pa.decimal128(self.precision, self.scale)
        return _ARROW[self.kind]

    @classmethod
    def parse(cls, text: str) -> DataType:
        """Return the type that `str` printed as `text`; raises `ValueError` for anything else."""
        if match := re.fullmatch(r"decimal\((\d+),(-?\d+)\)", text):
            return cls("decimal", int(match[1]), int(match[2]))
        if text in _ARROW:
            return cls(text)  # type: ignore[arg-type]  # membership in _ARROW is the check
        raise ValueError(f"unknown data type {text!r}; one of {', '.join(_ARROW)}, decimal(p,s)")


TEXT: Final = DataType("text")
BIGINT: Final = DataType("bigint")
DOUBLE: Final = DataType("double")
BOOL: Final = DataType("bool")
TIMESTAMP: Final = DataType("timestamp")
DATE: Final = DataType("date")
TIME: Final = DataType("time")
BINARY: Final = DataType("binary")
JSON: Final = DataType("json")

EXACT_IN_DOUBLE: Final = 2**53  # every integer up to this one, and down to minus it, is a double (IEEE 754)


def decimal(precision: int, scale: int) -> DataType:
    """Return the decimal type with that many digits in all and after the point."""
    return DataType("decimal", precision, scale)


@dataclass(frozen=True, slots=True)
class ColumnHints:
    """What was said of a column when it was made, beside its type. A destination uses what it can, and keeps the rest.

    `unique`: no two rows share a value; `sort`, `cluster`, `partition`: how rows are looked for; `precision`: of types
    that have none here; `required`: the schema of its records says that it has a value in each; `description`: for
    people.
    """

    unique: bool = False
    sort: bool = False
    cluster: bool = False
    partition: bool = False
    precision: int | None = None
    required: bool = False
    description: str | None = None


NO_HINTS: Final = ColumnHints()


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `source`: the path of original keys it came from; `variant_of`: the base column of a variant."""

    name: str
    type: DataType
    nullable: bool = True
    source: tuple[str, ...] = ()
    variant_of: str | None = None
    hints: ColumnHints = NO_HINTS


@dataclass(frozen=True, slots=True)
class Table:
    """One table: columns in the order of their creation, by name. `parent` is None for a root table.

    `write` says how rows are written to it; a child table has the value of its root.
    """

    name: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    parent: str | None = None
    source: tuple[str, ...] = ()
    write: Write = APPEND

    def adding(self, column: Column) -> Table:
        """Return this table with `column` at its end, or in the place of the column of that name."""
        return replace(self, columns={**self.columns, column.name: column})

    @property
    def arrow(self) -> pa.Schema:
        """Return the Arrow schema of a conformed table: these columns, in this order."""
        return pa.schema([pa.field(c.name, c.type.arrow, c.nullable) for c in self.columns.values()])


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables of a dataset. `version` is 0 before anything was stored and grows by one with each change."""

    version: int = 0
    tables: Mapping[str, Table] = field(default_factory=dict)
