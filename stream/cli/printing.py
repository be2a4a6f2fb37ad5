"""Answers on stdout: JSON for machines, tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as JSON: dataclasses as objects, instants as ISO 8601, bytes as text where they are UTF-8."""
    print(json.dumps(asdict(value) if is_dataclass(value) and not isinstance(value, type) else value, default=_plain))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, columns as wide as they need to be; numbers to the right."""
    lines = [tuple(map(_text, row)) for row in rows]
    if not lines:
        return
    numbers = [all(_is_number(line[place]) for line in lines) for place in range(len(header))]
    widths = [max(len(line[place]) for line in (tuple(header), *lines)) for place in range(len(header))]
    for line in (tuple(header), *lines):
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numbers, strict=True)
        )
        print("  ".join(cells).rstrip())


def instant(at: datetime | None) -> str | None:
    """Return an instant as people read it."""
    return None if at is None else at.isoformat(sep=" ", timespec="milliseconds")


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return instant(value) or ""
        case _:
            return str(value)


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(",", "").lstrip("-").isdigit()


def _plain(value: object) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"hex": value.hex()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            return str(value)
