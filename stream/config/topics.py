"""What a user may say of single topics, by name or glob: `[topics."shop.*"]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from stream.config.frozen import Frozen
from stream.config.validators import check_name_template

Metadata: TypeAlias = Literal["topic", "key", "headers"]


class Topic(Frozen):
    """What differs for some topics. What is not set comes from a less specific pattern, then from `tables`."""

    format: str | None = None
    """What the values of records are, instead of `tables.format`."""
    schema_file: Path | None = None
    """File with the schema of all records, instead of `tables.schema_file`."""
    table: Annotated[str, AfterValidator(check_name_template)] | None = None
    """Name of the table, instead of `tables.name_template`; `{topic}` stands for the topic."""
    max_nesting: Annotated[int, Field(ge=0)] | None = None
    """Levels of objects and lists that are taken apart, instead of `tables.max_nesting`."""
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
