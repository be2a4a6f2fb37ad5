"""What a user may say of single topics, by name or glob: `[topics."shop.*"]`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from stream.config.frozen import Frozen
from stream.config.validators import check_data_type, check_name_template, check_pattern, check_time_format
from stream.config.writing import Writing

Metadata: TypeAlias = Literal["topic", "key", "headers"]


PreferredType: TypeAlias = Annotated[str, AfterValidator(check_data_type)]
Mode: TypeAlias = Literal["evolve", "freeze", "discard_row", "discard_value"]


class Contract(Frozen):
    """What may change in the tables, by kind of change."""

    tables: Mode = "evolve"
    """New tables."""
    columns: Mode = "evolve"
    """New columns."""
    data_type: Mode = "evolve"
    """Other types: columns that widen, and variants."""
    freeze: Literal["reject", "stop"] = "reject"
    """What becomes of a record that something frozen would have to change for: it is set aside, or the run ends."""


class ColumnHint(Frozen):
    """What is known of a column."""

    data_type: Annotated[str, AfterValidator(check_data_type)] | None = None
    """Type of the column when it is made: text, bigint, double, bool, timestamp, date, time, binary, json,
    decimal(p,s). It never widens; other values go to a variant."""
    nullable: bool = True
    """When false, a record without a value is set aside."""
    format: Annotated[str, AfterValidator(check_time_format)] | None = None
    """How instants are written: epoch_s, epoch_ms, epoch_us, or a format of strptime."""
    unique: bool = False
    """No two rows share a value: a unique index where the destination has one, made with the table; a record with a
    value that is there is set aside. Elsewhere it is kept in the schema."""
    sort: bool = False
    """Rows are looked for by this column: an index where the destination has one, made with the table."""
    cluster: bool = False
    """The same as `sort` for destinations that have no clusters."""
    partition: bool = False
    """Rows lie together by this column; kept in the schema where the destination cannot."""
    precision: Annotated[int, Field(ge=1)] | None = None
    """Digits, characters or bytes of a value, for people; `decimal(p,s)` says it in `data_type`."""
    description: str | None = None
    """What the column is, for people: its comment in the destination."""


class Topic(Writing):
    """What differs for some topics. What is not set comes from a less specific pattern, then from `tables`."""

    format: str | None = None
    """What the values of records are, instead of `tables.format`."""
    key_format: str | None = None
    """What the keys of records are, instead of `tables.key_format`."""
    schema_file: Path | None = None
    """File with the schema of all records, instead of `tables.schema_file`."""
    message: str | None = None
    """Protobuf message type of all records, instead of `tables.message`."""
    table: Annotated[str, AfterValidator(check_name_template)] | None = None
    """Name of the table, instead of `tables.name_template`; `{topic}` stands for the topic."""
    max_nesting: Annotated[int, Field(ge=0)] | None = None
    """Levels of objects and lists that are taken apart, instead of `tables.max_nesting`."""
    detect_timestamps: bool | None = None
    """Whether text that is a timestamp becomes one, instead of `tables.detect_timestamps`."""
    metadata: tuple[Metadata, ...] | None = None
    """Further columns on root rows, instead of `tables.metadata`."""
    include: tuple[str, ...] | None = None
    """Fields that are loaded, by path (`customer.name`), regular expression (`/.*name/`) or column; else all."""
    exclude: tuple[str, ...] | None = None
    """Fields that are not loaded."""
    anonymize: tuple[str, ...] | None = None
    """Private fields whose values are replaced by a keyed hash under `privacy.salt`, the same for the same value,
    before anything is stored."""
    mask: tuple[str, ...] | None = None
    """Private fields whose values are replaced by `***`."""
    drop: tuple[str, ...] | None = None
    """Private fields that are not loaded. Of a record set aside from a topic with private fields, only the length and
    a keyed hash are stored."""
    schema_contract: Contract | Mode | None = None
    """What may change in the tables: one mode for all, or one for each of `tables`, `columns`, `data_type`. `evolve`:
    anything; `freeze`: the record is set aside; `discard_row`: it is counted and dropped; `discard_value`: its value
    is. What a new table is made with is not judged."""
    columns: Mapping[str, ColumnHint] | None = None
    """What is known of columns, by path or column."""
    preferred_types: Mapping[Annotated[str, AfterValidator(check_pattern)], PreferredType] | None = None
    """Types of new columns by name: a regular expression for whole names of columns, and the type."""
