"""What can go wrong outside, tried for real with the real command: a few lines, an exit code, what to do, no secret."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from confluent_kafka import Producer

import stream
from servers.kafka import SASL_PASSWORD, SASL_USER
from servers.process import free_port
from sinks import Transient
from stream.config.models import Retry
from stream.observe.facts import Fact, SchemaChanged
from support import batches, events
from support.destinations import duckdb_file, postgres
from support.oracle import assert_exactly_once
from support.proxy import proxied
from support.service import COMMAND, ROOT, fetch, headrace, running, wait_until
from support.small_disk import small_disk

SECRET = "canary-6f1d83"
MOST_LINES = 3
PATIENCE = {"HEADRACE__RETRY__START_SECONDS": "0.5"}


@dataclass(frozen=True)
class Told:
    """How a run ended: its exit code, and what it told after `headrace: `."""

    code: int
    text: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folders of pipelines go to a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The URL of a DuckDB file that does not exist yet."""
    return f"duckdb:///{tmp_path}/orders.duckdb"


@pytest.fixture
def orders(kafka, topic: Callable[..., str]) -> tuple[str, ...]:
    """The arguments that read a topic of 20 orders to its end."""
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(20, seed=1))
    return "--brokers", kafka.bootstrap, "--topic", name, "--until", "latest"


def told(*args: str, **env: str) -> Told:
    """Run `headrace run` for a person, expect that it fails, and return what it told."""
    done = headrace("run", "--log-format", "console", *args, env=PATIENCE | env)
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    assert SECRET not in output
    before, mark, text = done.stderr.partition("headrace: ")
    assert mark, f"exit code {done.returncode} without a word:\n{before}"
    assert text.count("\n") <= MOST_LINES
    assert done.stdout == ""
    return Told(done.returncode, text)


def elsewhere(dsn: str, *, password: str = "", port: int = 0, database: str = "", query: str = "") -> str:
    """Return `dsn` with parts of it replaced."""
    parts = urlsplit(dsn)
    netloc = f"{parts.username}:{password or parts.password}@{parts.hostname}:{port or parts.port}"
    path = f"/{database}" if database else parts.path
    return urlunsplit(parts._replace(netloc=netloc, path=path, query=query or parts.query))


# -- Kafka


def test_a_broker_that_is_not_there(file: str) -> None:
    broker = f"127.0.0.1:{free_port()}"
    failure = told("--brokers", broker, "--topic", "orders", "--to", file)
    assert failure.code == 3
    assert f"no broker answers: {broker} Connection refused" in failure.text
    assert "--brokers" in failure.text


def test_a_broker_whose_name_nobody_knows(file: str) -> None:
    failure = told("--brokers", "kafka.invalid:9092", "--topic", "orders", "--to", file)
    assert (failure.code, "kafka.invalid:9092" in failure.text) == (3, True)


def test_a_topic_that_does_not_exist_is_told_with_the_nearest_one(kafka, topic: Callable[..., str], file: str) -> None:
    name = topic("payments")
    failure = told("--brokers", kafka.bootstrap, "--topic", name.replace("payments", "paymets"), "--to", file)
    assert failure.code == 3
    assert f"did you mean {name!r}" in failure.text


def sasl(mechanism: str, password: str) -> dict[str, str]:
    names = {"MECHANISM": mechanism, "USERNAME": SASL_USER, "PASSWORD": password}
    return {f"HEADRACE__KAFKA__SECURITY__{name}": value for name, value in names.items()}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_wrong_credentials(kafka, file: str, mechanism: str) -> None:
    env = sasl(mechanism, SECRET) | {"HEADRACE__KAFKA__SECURITY__ALLOW_PLAINTEXT_PASSWORD": "true"}
    failure = told("--brokers", kafka.sasl_bootstrap, "--topic", "orders", "--to", file, **env)
    assert failure.code == 3
    assert f"refuses us as {SASL_USER}" in failure.text
    assert "kafka.security" in failure.text


def test_a_password_that_would_cross_the_network_readable(kafka, file: str) -> None:
    env = sasl("PLAIN", SECRET)
    failure = told("--brokers", kafka.sasl_bootstrap, "--topic", "orders", "--to", file, **env)
    assert (failure.code, "allow_plaintext_password" in failure.text) == (2, True)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_right_credentials_let_a_run_through(kafka, orders: tuple[str, ...], file: str, mechanism: str) -> None:
    secured = ("--brokers", kafka.sasl_bootstrap)
    done = headrace("run", *orders, *secured, "--to", file, env=sasl(mechanism, SASL_PASSWORD))
    assert done.returncode == 0, done.stderr


def test_a_broker_that_wants_credentials_and_gets_none(kafka, file: str) -> None:
    failure = told("--brokers", kafka.sasl_bootstrap, "--topic", "orders", "--to", file)
    assert (failure.code, "TLS or SASL" in failure.text) == (3, True)


def test_two_processes_with_one_instance_id_do_not_both_go_on(kafka, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic()
    own = {"GROUP": name, "INSTANCE_ID": "one", "SESSION_TIMEOUT_SECONDS": "6"}
    env = {f"HEADRACE__KAFKA__{setting}": value for setting, value in own.items()}
    with ExitStack() as stack:
        lives = [
            stack.enter_context(running(*reading(kafka, name), "--to", f"duckdb:///{tmp_path}/{n}.duckdb", env=env))
            for n in range(2)
        ]
        wait_until(lambda: any(life.process.poll() is not None for life in lives), tell=lambda: lives[0].log)
        fenced = next(life for life in lives if life.process.poll() is not None)
        log = fenced.log
    assert fenced.process.returncode == 6, log
    assert "another process runs with group.instance.id 'one'" in log
    assert "give each replica its own instance_id" in log
    assert "Traceback" not in log


# -- PostgreSQL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": free_port()}, ("cannot be reached: Connection refused", "Check host and port")),
        ({"password": SECRET}, ("password authentication failed", "correct the URL or the secret")),
        ({"database": "nowhere"}, ('database "nowhere" does not exist', "create it")),
        ({"query": "options=-c%20default_transaction_read_only%3Don"}, ("takes no writes", "connect to the primary")),
    ],
    ids=["closed port", "wrong password", "missing database", "read-only"],
)
def test_a_postgresql_that_cannot_be_used(
    orders: tuple[str, ...], postgres_dsn: str, change: dict[str, object], words: tuple[str, str]
) -> None:
    failure = told(
        *orders, "--to", elsewhere(postgres_dsn, **{"password": SECRET, **change} if "port" in change else change)
    )
    assert failure.code == 4
    assert all(word in failure.text for word in words), failure.text


def test_a_start_that_waits_for_its_destination_can_be_stopped(kafka, postgres_dsn: str, topic) -> None:
    url = elsewhere(postgres_dsn, port=free_port())
    with running(*reading(kafka, topic()), "--to", url, env={"HEADRACE__RETRY__START_SECONDS": "600"}) as service:
        service.until(lambda: "cannot be reached" in service.log)
        service.drain()


@pytest.mark.anyio
async def test_a_destination_that_goes_away_in_the_middle_fails_the_load_step(
    postgres_dsn: str, dataset: str, tmp_path: Path
) -> None:
    with proxied(postgres_dsn) as proxy:
        made = stream.pipeline("shop", tmp_path, destination=proxy.dsn(postgres_dsn), dataset_name=dataset)
        impatient = made.config.model_copy(update={"retry": Retry(give_up_seconds=0.5)})

        def pull_the_plug(fact: Fact) -> None:
            if isinstance(fact, SchemaChanged):
                proxy.weather.refuse = True
                proxy.cut()

        with pytest.raises(stream.PipelineStepFailed, match="load failed in load") as caught:
            await replace(made, config=impatient).run_async([{"id": 1}], table_name="items", observe=pull_the_plug)
    assert (caught.value.step, type(caught.value.__cause__)) == ("load", Transient)
    assert postgres(postgres_dsn)(f'select count(*) from "{dataset}".items') == [(0,)]


# -- DuckDB


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the DuckDB file open."""
    code = f"import duckdb, sys; held = duckdb.connect('{tmp_path}/orders.duckdb'); print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    yield process
    process.communicate()


def test_a_file_that_another_process_has_open(orders: tuple[str, ...], file: str, holder) -> None:
    failure = told(*orders, "--to", file)
    assert failure.code == 4
    assert f"PID {holder.pid}" in failure.text
    assert "stop it" in failure.text


def test_a_folder_where_no_file_can_be_made(orders: tuple[str, ...]) -> None:
    failure = told(*orders, "--to", "duckdb:////proc/orders.duckdb")
    assert (failure.code, "name another folder" in failure.text) == (4, True)


def test_a_folder_in_the_place_of_the_file(orders: tuple[str, ...], tmp_path: Path) -> None:
    failure = told(*orders, "--to", f"duckdb:///{tmp_path}")
    assert (failure.code, "it is a folder; name a file in it" in failure.text) == (4, True)


def test_a_disk_that_is_read_only(orders: tuple[str, ...], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        disk.make_read_only()
        failure = told(*orders, "--to", f"duckdb:///{disk.path}/orders.duckdb")
    assert (failure.code, "cannot write" in failure.text) == (4, True)


def test_a_full_disk_is_sat_out_and_costs_nothing(kafka, topic: Callable[..., str], tmp_path: Path, dataset) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(12_000, seed=5, poison_every=400))
    with small_disk(tmp_path / "disk", megabytes=3) as disk:
        path = disk.path / "orders.duckdb"
        env = {"HEADRACE__TABLES__NAME_TEMPLATE": "orders", "HEADRACE__BATCHING__MAX_ROWS": "2000"}
        args = (*reading(kafka, name), "--until", "latest", "--to", f"duckdb:///{path}", "--dataset", dataset)
        with running(*args, env=env) as service:
            service.until(lambda: "the disk is full; free some space" in service.log)
            assert service.process.poll() is None
            disk.grow(64)
            assert service.wait() == 0, service.log
        assert_exactly_once(kafka.bootstrap, duckdb_file(path), dataset, {name: "orders"})


# -- settings


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgrs://me:{SECRET}@db/shop", "did you mean postgres://?"),
        ("orders.duckdb", "as in duckdb:///orders.duckdb"),
        ("duckdb://orders.duckdb", "write duckdb:///orders.duckdb"),
        (f"postgresql://me:{SECRET}@db/shop?sslmod=require", "write postgresql://user@host:5432/database"),
    ],
)
def test_a_destination_that_is_written_wrong(url: str, words: str) -> None:
    failure = told("--topic", "orders", "--to", url)
    assert (failure.code, words in failure.text) == (2, True), failure.text


@pytest.mark.parametrize(("driver", "url"), [("duckdb", "duckdb:///x.duckdb"), ("psycopg", "postgresql://db/shop")])
def test_a_driver_that_is_not_installed(tmp_path: Path, driver: str, url: str) -> None:
    (tmp_path / f"{driver}.py").write_text(f"raise ModuleNotFoundError('No module named {driver}')")
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    # An interpreter of its own: the one that forks lives for the tests has imported every driver.
    done = subprocess.run(
        [*COMMAND, "run", "--topic", "orders", "--to", url],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    extra = "duckdb" if driver == "duckdb" else "postgres"
    assert (done.returncode, f"pip install 'headrace[{extra}]'" in done.stderr) == (2, True), done.stderr


def test_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(f'[destination]\nurl = "duckdb:///x.duckdb"\npasword = "{SECRET}"\n')
    failure = told("-c", str(tmp_path / "headrace.toml"))
    assert failure.code == 2
    assert "destination.pasword is not a setting; did you mean destination.password?" in failure.text


def test_a_port_that_is_taken(orders: tuple[str, ...], file: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        failure = told(*orders, "--to", file, "--http", address)
    assert failure.code == 2
    assert f"cannot listen on {address}" in failure.text
    assert "--http" in failure.text


# -- how it is told


def test_in_a_json_log_the_error_is_an_event(file: str) -> None:
    args = ("--brokers", f"127.0.0.1:{free_port()}", "--topic", "orders", "--to", file, "--log-format", "json")
    done = headrace("run", *args, env=PATIENCE)
    last = [json.loads(line) for line in done.stderr.splitlines()][-1]
    assert (last["level"], "no broker answers" in last["event"]) == ("error", True)


def test_debug_shows_the_traceback_and_no_secret(orders: tuple[str, ...], postgres_dsn: str) -> None:
    done = headrace("run", *orders, "--debug", "--to", elsewhere(postgres_dsn, password=SECRET), env=PATIENCE)
    assert "Traceback" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_second_ctrl_c_ends_the_process_at_once_and_gives_the_cursor_back(
    kafka, topic: Callable[..., str], file: str, tmp_path: Path
) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(20, seed=1))
    fired = tmp_path / "fired"
    env = {"HEADRACE_FAILPOINTS": "load.after_copy=delay:600", "HEADRACE_FAILPOINTS_LOG": str(fired)}
    ours, theirs = pty.openpty()
    command = [*COMMAND, "run", *reading(kafka, name), "--to", file]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=ROOT, env=os.environ | env) as process:
        os.close(theirs)
        screen = Screen(ours)
        screen.until(fired.exists)
        process.send_signal(signal.SIGINT)
        screen.until(lambda: b"draining" in screen.shown)
        process.send_signal(signal.SIGINT)
        screen.until(lambda: process.poll() is not None)
    os.close(ours)
    assert process.returncode == 130
    assert screen.shown.rfind(b"\x1b[?25h") > screen.shown.rfind(b"\x1b[?25l")


@pytest.mark.anyio
async def test_a_header_name_that_is_not_utf_8_stops_the_run_with_its_place(kafka, topic, file: str) -> None:
    name = topic()
    values = list(events.orders(3, seed=1))
    await batches.produce(kafka.bootstrap, name, batches.batch(values, broken_header_at=2))
    failure = told(*reading(kafka, name), "--to", file, "--until", "latest")
    assert failure.code == 3
    assert f"{name}[0]: the record at offset 2 has a header whose name is not UTF-8" in failure.text


def test_records_of_the_year_58870_are_loaded_and_the_status_page_lives(kafka, topic, file: str) -> None:
    name = topic(config={"message.timestamp.after.max.ms": str(2**63 - 1)})  # brokers before 4.0 took any
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for value in events.orders(20, seed=1):
        producer.produce(name, value, timestamp=1_795_000_000_000_000)  # microseconds where milliseconds belong
    assert producer.flush(30) == 0
    address = f"127.0.0.1:{free_port()}"
    with running(*reading(kafka, name), "--to", file, "--http", address) as service:
        service.until(lambda: "headrace_rows_committed_total{" in service_page(address, "metrics"))
        assert name in service_page(address, "status")
        service.drain()


def service_page(address: str, page: str) -> str:
    """Return a page of the service, empty before it listens."""
    try:
        return fetch(f"http://{address}/{page}")
    except ConnectionRefusedError:
        return ""
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return ""
        raise


def test_a_start_before_1970_is_the_beginning(kafka, topic, file: str) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(20, seed=1))
    done = headrace("run", *reading(kafka, name), "--to", file, "--until", "latest", "--start", "1969-12-31")
    assert done.returncode == 0, done.stderr


def reading(kafka, name: str) -> tuple[str, ...]:
    return "--brokers", kafka.bootstrap, "--topic", name


class Screen:
    """What a process has written to a terminal."""

    def __init__(self, terminal: int) -> None:
        self.shown = b""
        self._terminal = terminal
        os.set_blocking(terminal, False)

    def until(self, reached: Callable[[], bool]) -> None:
        """Keep reading, so that the writer never waits, until `reached()`."""
        wait_until(lambda: self._read() or reached(), tell=lambda: self.shown.decode(errors="replace"))
        self._read()

    def _read(self) -> None:
        try:
            while more := os.read(self._terminal, 65_536):
                self.shown += more
        except OSError:  # nothing more now, or the other end is closed
            return
