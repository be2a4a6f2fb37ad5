"""What bounds a schema's growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Overflow = Literal["reject", "json"]


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
