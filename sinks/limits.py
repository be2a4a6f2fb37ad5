"""Whether a schema fits a destination: asked before the first statement, so that nothing is half done."""

from __future__ import annotations

from collections.abc import Iterable

from sinks.contract import Capabilities
from sinks.errors import SinkError
from sinks.schema import Schema


def check_limits(schema: Schema, limits: Capabilities) -> None:
    """Raise `SinkError` when the destination cannot hold a name, all of a table's columns, or two names apart."""
    _check_apart("tables", schema.tables, limits)
    for table in schema.tables.values():
        check_name("table", table.name, limits)
        if len(table.columns) > limits.max_columns:
            raise SinkError(
                f"table {table.name!r} would have {len(table.columns)} columns, {limits.name} takes at most "
                f"{limits.max_columns}: lower tables.max_nesting, so that deeper levels stay in one JSON column"
            )
        _check_apart(f"columns of table {table.name!r}", table.columns, limits)
        for column in table.columns:
            check_name(f"column of table {table.name!r}", column, limits)
            if column in limits.reserved_columns:
                raise SinkError(
                    f"table {table.name!r}: {limits.name} has a column {column!r} of its own in every table: rename it"
                )


def _check_apart(what: str, names: Iterable[str], limits: Capabilities) -> None:
    if limits.case_sensitive_names:
        return
    first: dict[str, str] = {}
    for name in names:
        if (other := first.setdefault(name.lower(), name)) != name:
            raise SinkError(
                f"{what} {other!r} and {name!r} differ in case alone, which {limits.name} does not tell apart: "
                "rename one of them"
            )


def check_name(what: str, name: str, limits: Capabilities) -> None:
    """Raise `SinkError` when the destination cannot have this name."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not 0 < size <= limits.max_identifier_bytes:
        raise SinkError(
            f"{what} {name!r}: the name has {size} bytes, {limits.name} takes 1 to {limits.max_identifier_bytes}"
        )
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        raise SinkError(f"{what} {name!r}: no database can hold a name with NUL or half of a surrogate pair")
