"""Records set aside, as the Arrow table that goes to `_hr_rejects` in the same commit as the rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

import pyarrow as pa

from sinks.ledger import RejectRow
from sinks.sql.system import REJECTS, TABLES

_COLUMNS: Final = TABLES[REJECTS].arrow


def rejects_table(rejects: Iterable[RejectRow]) -> pa.Table:
    """Return `_hr_rejects` rows. Keys and values keep every byte; an error's text is made storable everywhere."""
    return pa.Table.from_pylist([asdict(row) | _texts(row) for row in rejects], _COLUMNS)


def _texts(row: RejectRow) -> dict[str, str | None]:
    return {"error": _storable(row.error), "headers": row.headers and _storable(row.headers)}


def _storable(text: str) -> str:
    # PostgreSQL takes no NUL in text, and nobody takes half of a surrogate pair.
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
