"""What a user wishes for a table, beside its data: how it is written, what its columns are, how deep it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Hints:
    """Wishes for one root table; None and empty mean that nothing was said.

    `write_disposition` is a name, or an object with `disposition` and `strategy`. `columns` has an object for each
    column (`data_type`, `nullable`, `precision`, `scale`, `primary_key`, ...). `schema_contract` has a mode for each of
    `tables`, `columns`, `data_type`.
    """

    table: str = ""
    write_disposition: str | Mapping[str, Any] | None = None
    primary_key: tuple[str, ...] = ()
    merge_key: tuple[str, ...] = ()
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    schema_contract: Mapping[str, str] = field(default_factory=dict)
    max_table_nesting: int | None = None
    resource: str | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Hints:
        """Return the hints that `dataclasses.asdict` and JSON made of some."""
        known = {each.name for each in fields(cls)}
        tuples = {"primary_key", "merge_key"}
        given: dict[str, Any] = {k: tuple(v) if k in tuples else v for k, v in values.items() if k in known}
        return cls(**given)
