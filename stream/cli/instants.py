"""Instants as people and schedules give them: a date and time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

from stream.config.validators import in_utc

METAVAR: Final = "INSTANT|AGE"
_AGE: Final = re.compile(r"(?P<number>\d{1,6})(?P<unit>[mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def instant(text: str) -> datetime:
    """Return the instant that `2026-11-24`, `2026-11-24T06:00` (UTC) or `36h` (ago; also m and d) means."""
    try:
        if age := _AGE.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[age["unit"]]: int(age["number"])})
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither an instant, as 2026-11-24T06:00, nor an age, as 90m, 36h or 2d"
        ) from None
