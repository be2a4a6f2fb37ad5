"""No secret leaves the process: each is a token of its own, everything is told at DEBUG, and nothing tells a token."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest

import stream
from servers.kafka import SASL_PASSWORD, SASL_USER
from servers.process import free_port
from support import events
from support.proxy import proxied
from support.service import fetch, headrace, running

WRONG = "canary-wrong-1c94"
RIGHT = "canary/right:77@b0"  # has what a URL must quote
TOKENS = (WRONG, RIGHT, quote(RIGHT, safe=""), SASL_PASSWORD)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folders of pipelines go to a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def login(postgres_dsn: str, dataset: str) -> Iterator[str]:
    """The URL of a user whose password is a token."""
    parts = urlsplit(postgres_dsn)
    database = parts.path.removeprefix("/")
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"create role {dataset} login password '{RIGHT}'".encode())
        connection.execute(f'grant create on database "{database}" to {dataset}'.encode())
        yield urlunsplit(parts._replace(netloc=f"{dataset}:{quote(RIGHT, safe='')}@{parts.hostname}:{parts.port}"))
        connection.execute(f"drop owned by {dataset} cascade".encode())
        connection.execute(f"drop role {dataset}".encode())


def assert_silent(text: str) -> None:
    told = [token for token in TOKENS if token in text]
    assert not told, f"{told} in:\n{text[:3000]}"


def sasl(password: str) -> dict[str, str]:
    names = {"MECHANISM": "SCRAM-SHA-512", "USERNAME": SASL_USER, "PASSWORD": password}
    return {f"HEADRACE__KAFKA__SECURITY__{name}": value for name, value in names.items()}


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_service_in_trouble_tells_no_secret(kafka, topic, login: str, dataset: str, home: Path, log_format) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(3_000, seed=1, poison_every=50))
    address = f"127.0.0.1:{free_port()}"
    told = ("--debug", "--log-level", "debug", "--log-format", log_format, "--http", address)
    where = ("--brokers", kafka.sasl_bootstrap, "--topic", name, "--dataset", dataset)
    env = sasl(SASL_PASSWORD) | {"HEADRACE__BATCHING__MAX_ROWS": "100", "HOME": str(home)}
    with proxied(login) as proxy, running(*where, *told, "--to", proxy.dsn(login), env=env) as service:
        service.until(lambda: "schema changed" in service.log)
        proxy.weather.refuse = True
        proxy.cut()
        events.produce(kafka.bootstrap, name, events.orders(100, seed=2))
        service.until(lambda: "cannot be reached" in service.log)
        pages = [fetch(f"http://{address}/{page}") for page in ("status", "metrics", "config", "history", "")]
        proxy.weather.refuse = False
        service.drain()
        assert_silent(service.log + "".join(pages))
    remembered = [path for path in (home / ".headrace").rglob("*") if path.is_file()]
    assert remembered
    assert_silent("".join(path.read_text() for path in remembered))


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.parametrize("way", ["url", "parameter", "password", "file", "broken", "sasl"])
def test_a_refused_secret_is_not_told(kafka, postgres_dsn: str, home: Path, way: str, log_format: str) -> None:
    parts = urlsplit(postgres_dsn)
    plain = urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}"))
    (home / "secret").write_text(WRONG)
    env = {
        "url": {"HEADRACE__DESTINATION__URL": plain.replace("@", f":{WRONG}@", 1)},
        "parameter": {"HEADRACE__DESTINATION__URL": f"{plain}?password={WRONG}"},
        "password": {"HEADRACE__DESTINATION__URL": plain, "HEADRACE__DESTINATION__PASSWORD": WRONG},
        "file": {"HEADRACE__DESTINATION__URL": plain, "HEADRACE__DESTINATION__PASSWORD_FILE": str(home / "secret")},
        "broken": {"HEADRACE__DESTINATION__URL": f"{plain.replace('@', f':{WRONG}@', 1)}?no={WRONG}"},
        "sasl": {"HEADRACE__DESTINATION__URL": f"duckdb:///{home}/x.duckdb", **sasl(WRONG)},
    }[way]
    told = ("--debug", "--log-level", "debug", "--log-format", log_format)
    done = headrace("run", *told, "--brokers", kafka.sasl_bootstrap, "--topic", "orders", env=env)
    assert done.returncode in {2, 3, 4}
    assert "Traceback" in done.stderr
    assert_silent(done.stdout + done.stderr)


WITH_DEBUG = {"run", "status", "verify", "doctor", "rewind", "trace"}
SALT, TOKEN = "canary-salt-8d21", "canary-token-90be"


class Collector(BaseHTTPRequestHandler):
    """Takes whatever is posted, as it comes over the wire."""

    taken: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    server.shutdown()
    server.server_close()


def test_no_command_and_no_trace_tells_a_secret(
    kafka, topic, login: str, dataset: str, home: Path, collector: str
) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(200, seed=1, poison_every=50))
    given = {
        "kafka__brokers": kafka.sasl_bootstrap,
        "kafka__topics": json.dumps([name]),
        "destination__url": login,
        "destination__dataset": dataset,
        "pipeline": dataset,
        "privacy__salt": SALT,
        "registry__url": f"http://127.0.0.1:{free_port()}",
        "registry__token": TOKEN,
        "service__otlp_endpoint": collector,
        "service__log_level": "debug",
        "service__show_rejects": "true",
    }
    env = sasl(SASL_PASSWORD) | {f"HEADRACE__{name.upper()}": value for name, value in given.items()}
    commands = (
        ("run", "--until", "latest"),
        ("status", "--count"),
        ("verify", "--deep", "--json"),
        ("doctor", "--json"),  # of a registry that is away
        ("plan", "--json"),
        ("rejects", "show"),
        ("rejects", "export", str(home / "rejects.jsonl")),
        ("rejects", "replay"),
        ("rewind", "--to-beginning"),
        ("schema", "show"),
        ("config", "check"),
        ("trace", "nothing-of-that-id"),
    )
    for command in commands:
        done = headrace(*command, *(("--debug",) if command[0] in WITH_DEBUG else ()), env=env)
        assert done.returncode in {0, 1, 2}, f"{command}: {done.stderr}"
        told = done.stdout + done.stderr
        assert told
        assert "No such option" not in told
        assert_silent(told)
        assert SALT not in told
        assert TOKEN not in told
    assert Collector.taken
    assert_silent(b"".join(Collector.taken).decode(errors="replace"))


def test_a_private_value_is_neither_stored_nor_told(kafka, topic, home: Path) -> None:
    name, private = topic(), "canary-private-55e1@example.org"
    good, broken = json.dumps({"id": 1, "email": private}), f'{{"email": "{private}"'
    events.produce(kafka.bootstrap, name, [good.encode(), broken.encode()])
    rules = json.dumps({name: {"anonymize": ["email"]}})
    env = {"HEADRACE__TOPICS": rules, "HOME": str(home)}
    told = ("--debug", "--log-level", "debug", "--brokers", kafka.bootstrap, "--topic", name, "--until", "latest")
    done = headrace("run", *told, "--to", f"duckdb:///{home}/x.duckdb", env=env)
    assert done.returncode == 0
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert private not in done.stdout + done.stderr + stored.decode(errors="ignore")


def test_a_pipeline_in_python_tells_no_secret(login: str, dataset: str, tmp_path: Path) -> None:
    pipeline = stream.pipeline("canary", tmp_path / "pipelines", credentials=login, dataset_name=dataset)
    info = pipeline.run([{"id": 1}], table_name="items")
    attached = stream.attach("canary", tmp_path / "pipelines")
    state = (tmp_path / "pipelines" / "canary" / "pipeline.json").read_text()
    assert_silent(f"{pipeline!r} {pipeline.destination} {attached!r} {info} {info.asjson()} {state} {pipeline.config}")
