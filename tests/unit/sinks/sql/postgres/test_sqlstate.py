"""What a SQLSTATE means."""

import pytest

from sinks import DataRefused, SinkError, TimedOut, Transient
from sinks.sql.postgres.sqlstate import classify, classify_copied, settles_commit


@pytest.mark.parametrize(
    "code",
    [
        "08006",
        "57P01",
        "57P03",
        "53100",
        "53300",
        "40001",
        "40P01",
        "55P03",
        "25P03",
        "58030",
        "XX000",
        "08P01",
        None,
    ],
)
def test_an_outage_is_transient(code: str | None) -> None:
    assert type(classify(code, "text")) is Transient


@pytest.mark.parametrize("code", ["22021", "22P02", "22P05", "22003", "22008", "23502", "54000", "54011"])
def test_a_value_that_does_not_fit_is_refused(code: str) -> None:
    assert type(classify(code, "text")) is DataRefused


def test_a_protocol_violation_is_a_refusal_where_rows_were_copied_alone() -> None:
    assert [type(answer("08P01", "text")) for answer in (classify, classify_copied)] == [Transient, DataRefused]


@pytest.mark.parametrize("code", ["28P01", "3D000", "42501", "25006", "42P01", "42703", "42P07", "3F000"])
def test_what_no_repetition_cures_stops_with_advice(code: str) -> None:
    error = classify(code, "text")
    assert type(error) is SinkError
    assert str(error).startswith(f"text (SQLSTATE {code}): ")


def test_an_unknown_code_stops() -> None:
    assert type(classify("0A000", "text")) is SinkError


@pytest.mark.parametrize(("code", "settled"), [("40001", True), ("23505", True), ("57P01", False), (None, False)])
def test_only_an_answer_of_the_server_settles_a_commit(code: str | None, settled: bool) -> None:
    assert settles_commit(code) is settled


def test_a_statement_that_takes_too_long_may_take_as_long_again() -> None:
    assert type(classify("57014", "text")) is TimedOut
