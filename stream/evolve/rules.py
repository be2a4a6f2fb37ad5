"""What bounds a schema's growth."""

from __future__ import annotations

from dataclasses import dataclass

from sinks import DataRefused


@dataclass(frozen=True, slots=True)
class Rules:
    """How a schema may grow: the limits of the destination, and the user's wishes.

    `fixed`: the columns, by table and name, whose type may not change: the destination cannot widen them.
    """

    detect_timestamps: bool = True
    max_columns: int = 1_500
    max_identifier_bytes: int = 255
    stores_nul_text: bool = True
    fixed: frozenset[tuple[str, str]] = frozenset()


class TooManyColumns(DataRefused):
    """A table would need more columns than the destination allows. Fewer of these records may pass."""
