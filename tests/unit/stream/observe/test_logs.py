"""What a person finds in the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from checkpoints import Checkpoint, OffsetRange, Partition, Position
from sinks import CreateTable, Receipt, Table
from stream.observe.facts import (
    Assigned,
    BatchLoaded,
    BatchRead,
    Claimed,
    Fact,
    GapAccepted,
    Retrying,
    Revoked,
    SchemaChanged,
    SourceAnswered,
    SourceWaiting,
    StageTimed,
    StateChanged,
    Unacknowledged,
)
from stream.observe.logging_setup import LogFormat, configure_logging
from stream.observe.logs import LogObserver
from stream.observe.progress import line_progress
from stream.observe.status import StatusBoard

ORDERS = Partition("orders", 0)
SECRET = "correct-horse-battery"


class Clock:
    """A clock that stands until it is moved."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def loaded(**rejects: int) -> BatchLoaded:
    step = Checkpoint("shop", "load-1", Position({ORDERS: 0}), Position({ORDERS: 9}))
    return BatchLoaded(Receipt(step, {"orders": 9}, 0, 0.1), rejects=rejects)


def logged(
    capsys: pytest.CaptureFixture[str], *facts: Fact, level: str = "info", clock: Clock | None = None
) -> list[dict[str, str]]:
    observer = LogObserver(configure_logging("json", level, [SECRET]), clock or Clock())
    for fact in facts:
        observer.observe(fact)
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_healthy_stream_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert logged(capsys, BatchRead({"orders": 9}, {}, "rows"), StageTimed("load", 0.1), loaded()) == []


def test_every_batch_is_there_at_debug(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, loaded(), level="debug")
    assert (line["level"], line["event"], line["load_id"]) == ("debug", "loaded", "load-1")


@pytest.mark.parametrize(
    ("fact", "level"),
    [
        (StateChanged("running"), "info"),
        (StateChanged("failed"), "error"),
        (Assigned(frozenset({ORDERS})), "info"),
        (Revoked(frozenset({ORDERS})), "info"),
        (Revoked(frozenset({ORDERS}), lost=True), "warning"),
        (Claimed(Position({ORDERS: 0}), 3), "info"),
        (SchemaChanged((CreateTable(Table("orders")),), 1), "info"),
        (Retrying("transient", 0.2, "the server is away"), "warning"),
        (Retrying("source", 5.0, "the broker does not answer"), "warning"),
        (SourceWaiting("no topic matches 'late-.*' yet"), "warning"),
        (Unacknowledged("the broker does not answer"), "warning"),
        (GapAccepted("retention", OffsetRange(ORDERS, 0, 9)), "error"),
    ],
)
def test_the_level_says_who_has_to_care(capsys: pytest.CaptureFixture[str], fact: Fact, level: str) -> None:
    assert [line["level"] for line in logged(capsys, fact)] == [level]


def test_a_flood_of_rejects_is_one_line_in_half_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    first = logged(capsys, *[loaded(invalid_json=1)] * 5, clock=clock)
    assert [line["records"] for line in first] == [{"invalid_json": 1}]


def test_rejects_not_yet_told_are_told_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    lines = logged(capsys, *[loaded(invalid_json=1)] * 5, StateChanged("stopped"))
    assert [line.get("records") for line in lines] == [{"invalid_json": 1}, {"invalid_json": 4}, None]


def test_an_outage_of_the_broker_is_one_line_when_it_begins_and_one_when_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outage = [*[Retrying("source", 5.0, "broker:9092 does not answer")] * 3, SourceAnswered()]
    lines = logged(capsys, *outage, *outage)
    assert [line["event"] for line in lines] == [
        "the broker does not answer; going on as soon as it does",
        "the broker answers again",
    ] * 2


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_logged_by_us_or_by_a_library(capsys: pytest.CaptureFixture[str], log_format: LogFormat) -> None:
    log = configure_logging(log_format, "debug", [SECRET])
    LogObserver(log).observe(Retrying("connect", 0.0, f"no answer from postgresql://me:{SECRET}@db and {SECRET}"))
    log.info("nested", settings={"password": [SECRET]})
    logging.getLogger("driver").warning("connecting with %s", SECRET)
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("driver").exception("broken")
    err = capsys.readouterr().err
    assert SECRET not in err
    assert err.count("***") >= 5


def test_progress_lines_come_every_few_seconds_and_at_the_end() -> None:
    clock, out = Clock(), io.StringIO()
    board = StatusBoard("shop", clock)
    with line_progress(board, out, clock) as observe:
        for fact, seconds in ((loaded(), 1), (loaded(), 5), (loaded(), 1), (StateChanged("stopped"), 1)):
            clock.now += seconds
            board.observe(fact)
            observe(fact)
    assert out.getvalue().splitlines() == [
        "shop: starting · 18 rows in 1 table · 2 rows/s · 2 batches · lag 0",
        "shop: stopped · 27 rows in 1 table · 3 rows/s · 3 batches · lag 0",
    ]
