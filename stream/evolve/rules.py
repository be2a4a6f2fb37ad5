"""What bounds a schema's growth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from stream.evolve.table_rules import NO_RULES, TableRules

Overflow = Literal["reject", "json"]


def _no_rules(table: str) -> TableRules:
    return NO_RULES


@dataclass(frozen=True, slots=True)
class Rules:
    """How a schema may grow: the limits of the destination, and the user's wishes.

    `overflow`: what becomes of keys for which a table has no room: their rows are refused, or the values go into one
    JSON column. `fixed`: the columns, by table and name, whose type may not change: the destination cannot widen them.
    """

    detect_timestamps: bool = True
    max_columns: int = 1_500
    max_identifier_bytes: int = 255
    stores_nul_text: bool = True
    overflow: Overflow = "reject"
    fixed: frozenset[tuple[str, str]] = frozenset()
    of_table: Callable[[str], TableRules] = _no_rules
    """What a user says of a root table and its children, by the original name of the root table."""
