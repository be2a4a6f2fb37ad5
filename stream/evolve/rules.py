"""What bounds a schema's growth."""

from __future__ import annotations

from dataclasses import dataclass

from sinks import DataRefused


@dataclass(frozen=True, slots=True)
class Rules:
    """How a schema may grow: the limits of the destination, and the user's wishes.

    `large` names the tables in which no column's type may change, because that would rewrite and lock them.
    """

    detect_timestamps: bool = True
    max_columns: int = 1_500
    max_identifier_bytes: int = 255
    stores_nul_text: bool = True
    large: frozenset[str] = frozenset()


class TooManyColumns(DataRefused):
    """A table would need more columns than the destination allows. Fewer of these records may pass."""
