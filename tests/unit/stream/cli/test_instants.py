"""Instants on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from stream.cli.instants import instant


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T06:30", datetime(2026, 11, 24, 6, 30, tzinfo=UTC)),
        ("2026-11-24T06:30+02:00", datetime(2026, 11, 24, 4, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_utc_unless_it_says_otherwise(text: str, wanted: datetime) -> None:
    assert instant(text) == wanted


@pytest.mark.parametrize(
    ("text", "age"), [("90m", timedelta(minutes=90)), ("36h", timedelta(hours=36)), ("2d", timedelta(2))]
)
def test_an_age_is_counted_back_from_now(text: str, age: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - age <= instant(text) <= datetime.now(UTC) - age


@pytest.mark.parametrize("text", ["yesterday", "2 d", "-1d", "999999d", "1w"])
def test_anything_else_is_refused_with_what_may_be_said(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="nor an age"):
        instant(text)
