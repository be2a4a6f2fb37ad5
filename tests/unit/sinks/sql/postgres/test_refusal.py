"""A refused login is one in every language: the server here speaks German."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from sinks import SinkError, SinkOptions, Transient
from sinks.sql.postgres import connect
from sinks.sql.postgres.refusal import refusal_code
from support.pgwire import STARTUP, Frontend

pytestmark = pytest.mark.anyio
REFUSED = "Passwort-Authentifizierung für Benutzer »ada« fehlgeschlagen"


class Refusing:
    """A server that answers each startup with one error, and other requests before it (TLS, GSS) with no."""

    def __init__(self, code: str, text: str) -> None:
        fields = {"S": "FATAL", "V": "FATAL", "C": code, "M": text}
        body = b"".join(f"{tag}{value}".encode() + b"\0" for tag, value in fields.items()) + b"\0"
        self._answer = b"E" + (len(body) + 4).to_bytes(4) + body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self._refuse(client)

    def _refuse(self, client: socket.socket) -> None:
        frontend = Frontend()
        while data := client.recv(4096):
            for message in frontend.feed(data):
                started = int.from_bytes(message[4:8]) == STARTUP
                client.sendall(self._answer if started else b"N")
                if started:
                    return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def german() -> Iterator[Refusing]:
    server = Refusing("28P01", REFUSED)
    yield server
    server.close()


@pytest.fixture
def starting() -> Iterator[Refusing]:
    server = Refusing("57P03", "das Datenbanksystem startet")
    yield server
    server.close()


async def told(port: int) -> SinkError:
    sink = connect(f"postgresql://ada:hush-hush@127.0.0.1:{port}/shop", SinkOptions("shop", "shop", "me"))
    with pytest.raises(SinkError) as caught:
        await sink.open()
    await sink.aclose()
    return caught.value


async def test_a_login_refused_in_german_is_no_outage(german: Refusing) -> None:
    error = await told(german.port)
    assert (type(error), REFUSED in str(error)) == (SinkError, True)
    assert "wrong user or password" in str(error)
    assert "hush-hush" not in str(error)


async def test_a_server_that_starts_in_german_is_waited_for(starting: Refusing) -> None:
    assert type(await told(starting.port)) is Transient


def test_nobody_who_answers_gives_no_code() -> None:
    with socket.socket() as bound:  # bound, and not listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert refusal_code({"host": "127.0.0.1", "port": port, "user": "ada"}, 5) is None
