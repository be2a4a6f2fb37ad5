"""An HTTP server in a thread of its own: a handler on the event loop would die with the loop that it should judge."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from threading import Thread
from typing import Any, Final

from stream.errors import ConfigError
from stream.observe.health import Health
from stream.observe.history import History, history_json
from stream.observe.metrics import Metrics
from stream.observe.page import POLICY, page_files
from stream.observe.status import StatusBoard
from stream.observe.status_json import as_json

_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_POLL_SECONDS: Final = 0.1  # how long the end of a run waits for this thread, at most
_SLOW_CLIENT_SECONDS: Final = 5.0
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_log: Final = logging.getLogger("headrace")
_JSON_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets."""

    status: int
    content_type: str
    body: bytes
    policy: str = _JSON_POLICY


Route = Callable[[str], Answer]  # takes the Accept header


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who knows what is served. `config` is the effective configuration without its secrets."""

    metrics: Metrics
    health: Health
    board: StatusBoard
    history: History
    config: Mapping[str, Any] = field(default_factory=dict)
    freshness_target_seconds: float = 60.0


def routes(known: Watchers) -> Mapping[str, Route]:
    """Return what is served at which path."""
    page = {name: Answer(200, content_type, body, POLICY) for name, (content_type, body) in page_files().items()}
    target = known.freshness_target_seconds

    def status(accept: str) -> Answer:
        if "text/html" in accept:
            return page["index.html"]
        return _json(as_json(known.board.status, time.time(), target))

    return {
        "/": lambda _: page["index.html"],
        "/page.css": lambda _: page["page.css"],
        "/page.js": lambda _: page["page.js"],
        "/status": status,
        "/history": lambda _: _json(history_json(known.history.points, target)),
        "/config": lambda _: _json(known.config),
        "/metrics": lambda _: Answer(200, _METRICS_TYPE, known.metrics.render()),
        "/livez": lambda _: _probe(known.health.liveness_problem()),
        "/readyz": lambda _: _probe(known.health.readiness_problem()),
    }


def _json(value: object) -> Answer:
    return Answer(200, "application/json", json.dumps(value, indent=1).encode())


@contextmanager
def served(address: str, paths: Mapping[str, Route]) -> Iterator[int]:
    """Serve `paths` at `address` while the context lasts; yield the port. Raises `ConfigError` if it cannot listen."""
    host, port = parse_address(address)
    try:
        server = _server(host, port, paths)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {address}: {error.strerror}; choose another address with --http, "
            "or find what listens there"
        ) from error
    thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="http", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `:port` (all interfaces) or `[ipv6]:port`; raises `ConfigError`."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65_535:
        raise ConfigError(
            f"service.http (--http): {address!r} is not an address; write host:port or :port, as in :9090"
        )
    return (match["six"] or match["host"] or ""), int(match["port"])


def _server(host: str, port: int, paths: Mapping[str, Route]) -> ThreadingHTTPServer:
    class Handler(_Handler):
        known = paths

    class Server(ThreadingHTTPServer):
        address_family = AF_INET6 if ":" in host else AF_INET
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Log what is wrong with us, as one event; a client may go whenever it likes."""
            error = sys.exception()
            if not isinstance(error, ConnectionError):
                trace = error if _log.isEnabledFor(logging.DEBUG) else None
                _log.error("a request over HTTP failed: %s: %s", type(error).__name__, error, exc_info=trace)

    return Server((host, port), Handler)


def _probe(trouble: str | None) -> Answer:
    return Answer(503 if trouble else 200, "text/plain; charset=utf-8", f"{trouble or 'ok'}\n".encode())


class _Handler(BaseHTTPRequestHandler):
    known: Mapping[str, Route] = {}
    timeout = _SLOW_CLIENT_SECONDS
    server_version = "headrace"
    sys_version = ""

    def do_GET(self) -> None:
        self._send(self._answer(), with_body=True)

    def do_HEAD(self) -> None:
        self._send(self._answer(), with_body=False)

    def _refuse(self) -> None:
        self._send(Answer(405, "text/plain; charset=utf-8", b"read only: GET or HEAD\n"), with_body=True)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse

    def _answer(self) -> Answer:
        route = self.known.get(self.path.partition("?")[0])
        if route is None:
            return Answer(404, "text/plain; charset=utf-8", f"try {', '.join(sorted(self.known))}\n".encode())
        return route(self.headers.get("Accept", ""))

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Content-Security-Policy", answer.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        if answer.status == 405:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: probes come every few seconds."""
