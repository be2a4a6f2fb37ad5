"""A registry over real HTTP that answers as a test wants: slow, wrong, endless, or not at all."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, bytes, dict[str, str]]


@dataclass
class Answers:
    """What is answered to a path, and what was asked, with its headers."""

    url: str = ""
    replies: dict[str, Callable[[], Reply]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def say(self, path: str, body: Any, status: int = 200, **headers: str) -> None:
        """Answer `path` with a body: bytes, or what becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies[path] = lambda: (status, data, headers)


@contextmanager
def answering(context: ssl.SSLContext | None = None) -> Iterator[Answers]:
    """Serve while the block lasts, with `context` over TLS; an unknown path gets Confluent's 404."""
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, dict(self.headers)))
            status, body, headers = answers.replies.get(self.path, _unknown)()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    answers.url = f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _unknown() -> Reply:
    return 404, json.dumps({"error_code": 40403, "message": "Schema not found"}).encode(), {}
