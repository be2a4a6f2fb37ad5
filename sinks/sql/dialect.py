"""How one database spells things: what differs between SQL destinations, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sinks.schema import DataType, Kind


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names of types in DDL and, where it differs, in the catalog; and how writers are kept apart."""

    name: str
    types: Mapping[Kind, str]
    in_catalog: Mapping[Kind, str]
    advisory_locks: bool  # several processes write: DDL, loads and claims take advisory locks
    indexes: bool  # tables may have indexes, and change nevertheless
    merges_by_index: bool  # keys have unique indexes, and rows are inserted over those that conflict
    use: str = "SET LOCAL search_path TO"  # makes names without a schema mean those of one dataset
    catalog: str | None = None  # the database that tables are named in, where a schema could be taken for another one

    def type_name(self, data_type: DataType) -> str:
        """Return the type as DDL spells it."""
        name = self.types[data_type.kind]
        return f"{name}({data_type.precision},{data_type.scale})" if data_type.kind == "decimal" else name

    def catalog_name(self, data_type: DataType) -> str:
        """Return the type as `information_schema` spells it, without the digits of a decimal."""
        return self.in_catalog.get(data_type.kind, self.types[data_type.kind])


DUCKDB: Final = Dialect(
    name="duckdb",
    types={
        "text": "VARCHAR",
        "bigint": "BIGINT",
        "double": "DOUBLE",
        "bool": "BOOLEAN",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "date": "DATE",
        "time": "TIME",
        "binary": "BLOB",
        "decimal": "DECIMAL",
        "json": "JSON",  # the json extension is built into the wheel: nothing is fetched
    },
    in_catalog={},
    advisory_locks=False,
    indexes=False,  # no ALTER TABLE takes a table that has one
    merges_by_index=False,
    use="USE",
    catalog="_hr_file",
)

POSTGRES: Final = Dialect(
    name="postgres",
    types={
        "text": "text",
        "bigint": "bigint",
        "double": "double precision",
        "bool": "boolean",
        "timestamp": "timestamp with time zone",
        "date": "date",
        "time": "time",
        "binary": "bytea",
        "decimal": "numeric",
        "json": "jsonb",
    },
    in_catalog={"time": "time without time zone"},
    advisory_locks=True,
    indexes=True,
    merges_by_index=True,
)
