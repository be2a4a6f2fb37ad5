"""What people and probes are told of a run."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Iterator

import pytest

from checkpoints import Checkpoint, Partition, Position
from sinks import CreateTable, Receipt, Table
from stream.errors import ConfigError
from stream.observe import to_all
from stream.observe.facts import (
    Assigned,
    BatchLoaded,
    BatchRead,
    Fact,
    LagSeen,
    LogBounds,
    LoopTicked,
    Retrying,
    Revoked,
    SchemaChanged,
    Started,
    StateChanged,
)
from stream.observe.health import Health
from stream.observe.history import History, history_json
from stream.observe.http import Answer, Watchers, parse_address, routes, served
from stream.observe.metrics import Metrics
from stream.observe.status import StatusBoard
from stream.observe.status_json import as_json

ORDERS = Partition("orders", 0)
HOSTILE = "<script>alert('x')</script>"


class Clock:
    """A clock that stands until it is moved."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def loaded(upto: int, rows: int, table: str = "orders") -> BatchLoaded:
    step = Checkpoint("shop", f"load-{upto}", Position({ORDERS: 0}), Position({ORDERS: upto}))
    return BatchLoaded(Receipt(step, {table: rows}, 0, 0.1), rejects={"invalid_json": 1})


def story(table: str = "orders") -> list[Fact]:
    return [
        Started("duckdb", "shop"),
        Assigned(frozenset({ORDERS})),
        StateChanged("running"),
        LagSeen({ORDERS: LogBounds(0, 100)}),
        BatchRead({"orders": 60}, {"orders": 600}, "age"),
        SchemaChanged((CreateTable(Table(table)),), version=1),
        loaded(60, 59, table),
        Retrying("transient", 1.0, "password=hunter2 refused"),
    ]


def told(facts: list[Fact], clock: Clock) -> StatusBoard:
    board = StatusBoard("shop", clock)
    for fact in facts:
        board.observe(fact)
    return board


def test_the_status_sums_up_what_happened() -> None:
    answer = as_json(told(story(), Clock()).status, 1_000.0)
    assert answer["rows_committed"] == {"orders": 59}
    assert answer["rejects"] == {"invalid_json": 1}
    assert answer["lag_records"] == 40
    assert answer["partitions"][0]["committed_offset"] == 60
    assert answer["schema_changes"][0]["change"] == "new table orders"
    assert answer["retries"] == 1


def test_the_text_of_an_error_is_not_in_the_status() -> None:
    status = told(story(), Clock()).status
    assert "hunter2" not in json.dumps(as_json(status, 1_000.0))


def test_a_partition_that_has_records_to_load_and_does_not_move_is_stalled() -> None:
    clock = Clock()
    board = told(story(), clock)
    moving, still = (as_json(board.status, at)["partitions"][0]["stalled"] for at in (1_050.0, 1_061.0))
    assert (moving, still) == (False, True)


def test_a_partition_that_is_level_is_not_stalled_however_long_it_stands() -> None:
    board = told([*story(), loaded(100, 40)], Clock())
    assert as_json(board.status, 9_000.0)["partitions"][0]["stalled"] is False


def test_the_history_has_a_point_for_each_step_of_time() -> None:
    clock = Clock()
    history = History(clock)
    for fact in (*story(), loaded(80, 20)):
        history.observe(fact)
    clock.now += 10
    history.observe(LoopTicked(0.0))
    history.observe(LoopTicked(0.0))
    told_of = history_json(history.points, 60.0)
    assert (told_of["rows_per_second"], told_of["lag_records"]) == ([7.9], [20])


def test_the_history_keeps_an_hour() -> None:
    clock = Clock()
    history = History(clock)
    for _ in range(1_000):
        clock.now += 10
        history.observe(LoopTicked(0.0))
    assert len(history.points) == 360


def test_the_rate_falls_when_nothing_is_committed() -> None:
    clock = Clock()
    board = told([loaded(1, 100)], clock)
    clock.now += 1
    board.observe(loaded(2, 100))
    assert board.status.rows_per_second(clock.now) == 100
    assert board.status.rows_per_second(clock.now + 99) == 1


def test_a_revoked_partition_leaves_the_status() -> None:
    board = told([*story(), Revoked(frozenset({ORDERS}))], Clock())
    assert board.status.partitions == {}


def test_a_loop_that_stands_still_is_sick() -> None:
    clock = Clock()
    health = Health(60.0, clock)
    clock.now += 61
    assert health.liveness_problem() == "the event loop has not moved for 61 s"
    health.observe(LoopTicked(0.0))
    assert health.liveness_problem() is None


def test_ready_means_running_and_in_the_group() -> None:
    health = Health(60.0)
    assert health.readiness_problem() == "starting"
    health.observe(StateChanged("running"))
    assert health.readiness_problem() == "waiting for the consumer group"
    health.observe(Assigned(frozenset()))
    assert health.readiness_problem() is None
    health.observe(StateChanged("draining"))
    assert health.readiness_problem() == "draining"


@pytest.mark.parametrize(
    ("address", "parts"),
    [(":9090", ("", 9090)), ("localhost:0", ("localhost", 0)), ("[::1]:9090", ("::1", 9090))],
)
def test_an_address_has_host_and_port(address: str, parts: tuple[str, int]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize("address", ["9090", "", ":", ":http", "host:70000", "::1:9090", "host:-1"])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ConfigError, match=r"as in :9090"):
        parse_address(address)


@pytest.fixture
def port() -> Iterator[int]:
    metrics, health, board = Metrics("shop"), Health(60.0), StatusBoard("shop")
    observe = to_all(metrics.observe, health.observe, board.observe)
    for fact in story():
        observe(fact)
    known = Watchers(metrics, health, board, History(), {"pipeline": "shop"})
    with served("127.0.0.1:0", routes(known)) as port:
        yield port


def asked(port: int, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_ok(port: int, path: str) -> None:
    response, body = asked(port, path)
    assert (response.status, body) == (200, b"ok\n")


def test_metrics_are_served(port: int) -> None:
    assert b'headrace_rows_committed_total{pipeline="shop",table="orders"} 59.0' in asked(port, "/metrics")[1]


def test_the_status_is_json_for_machines_and_a_page_for_browsers(port: int) -> None:
    assert json.loads(asked(port, "/status")[1])["pipeline"] == "shop"
    assert asked(port, "/status", Accept="text/html")[1].startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")]
)
def test_the_page_is_three_files_and_runs_nothing_else(port: int, path: str, kind: str) -> None:
    response, body = asked(port, path)
    assert (response.headers["Content-Type"] or "").startswith(kind)
    assert "script-src 'self'" in (response.headers["Content-Security-Policy"] or "")
    assert b"http://" not in body.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in body


def test_the_configuration_is_served_as_it_was_given(port: int) -> None:
    assert json.loads(asked(port, "/config")[1]) == {"pipeline": "shop"}


@pytest.mark.parametrize("path", ["/status", "/metrics", "/livez", "/nowhere"])
def test_every_answer_forbids_whatever_it_does_not_need(port: int, path: str) -> None:
    response, _ = asked(port, path, Accept="text/html")
    assert (response.headers["Content-Security-Policy"] or "").startswith("default-src 'none'")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(port: int, method: str) -> None:
    assert asked(port, "/status", method)[0].status == 405


def test_head_has_no_body(port: int) -> None:
    response, body = asked(port, "/metrics", "HEAD")
    assert (response.status, body) == (200, b"")


def test_a_port_in_use_is_a_clear_error(port: int) -> None:
    with (
        pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use; choose"),
        served(f"127.0.0.1:{port}", {}),
    ):
        pass


def broken_by(error: Exception) -> None:
    """Ask a server whose answer ends in `error`; return when it has dealt with that."""

    def answer(_: str) -> Answer:
        raise error

    with served("127.0.0.1:0", {"/": answer}) as port, pytest.raises(http.client.RemoteDisconnected):
        asked(port, "/")


def test_a_client_that_is_gone_leaves_nothing_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    broken_by(ConnectionResetError())
    assert capsys.readouterr().err == ""


def test_an_answer_that_fails_is_one_event_of_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "headrace"):
        broken_by(ValueError("a bug"))
    assert [record.getMessage() for record in caplog.records] == ["a request over HTTP failed: ValueError: a bug"]
    assert capsys.readouterr().err == ""
