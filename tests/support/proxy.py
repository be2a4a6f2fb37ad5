"""A TCP proxy that does to connections what networks do: cut, delay, swallow, lose one request or one answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from anyio.from_thread import start_blocking_portal

from servers import run
from support.pgwire import COMMITTED, Frontend, Opaque, is_commit


@dataclass(slots=True)
class Weather:
    """What happens to bytes from now on; set from any thread. `fired` tells that some of it has happened."""

    delay_seconds: float = 0.0
    blackhole: bool = False  # bytes vanish, connections stay
    refuse: bool = False  # new connections are cut at once
    cut_after_bytes: int | None = None  # from the client, counted over all connections
    lose_commit: bool = False  # cut before a COMMIT is forwarded
    lose_commit_answer: bool = False  # forward a COMMIT, cut when its answer comes
    fired: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """One listening port in front of one server. `weather` may be changed or replaced at any time, from any thread."""

    def __init__(
        self, host: str, port: int, *, listen_port: int = 0, wire: Callable[[], Frontend | Opaque] = Frontend
    ) -> None:
        self.weather = Weather()
        self.port = listen_port
        self.wire = wire
        self._loop: asyncio.AbstractEventLoop | None = None
        self._target = (host, port)
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> asyncio.Server:
        """Listen, on a free port where none was given."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def dsn(self, original: str) -> str:
        """Return `original` with this proxy's address in the place of the server's."""
        parts = urlsplit(original)
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}"))

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._open) // 2

    def cut(self) -> None:
        """Cut all connections, without a word. Safe from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self.weather.refuse:
            self.weather.fired.set()
            to_client.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection(*self._target)
        except OSError:
            to_client.transport.abort()
            return
        link = _Link(self, to_client, to_server)
        self._open |= {to_client, to_server}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(link.upstream(from_client), name="upstream")
                tasks.create_task(link.downstream(from_server), name="downstream")
        except* (OSError, EOFError):
            pass  # one side is gone; so is the other, now
        finally:
            self._open -= {to_client, to_server}
            to_client.transport.abort()
            to_server.transport.abort()


class _Link:
    """One client and its server."""

    def __init__(self, proxy: Proxy, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._to_client = to_client
        self._to_server = to_server
        self._frontend = proxy.wire()
        self._answer_is_lost = False

    async def upstream(self, client: asyncio.StreamReader) -> None:
        while data := await client.read(65_536):
            for message in self._frontend.feed(data):
                self._judge(message)
                await self._forward(message, self._to_server)
        raise EOFError

    async def downstream(self, server: asyncio.StreamReader) -> None:
        while data := await server.read(65_536):
            if self._answer_is_lost and COMMITTED in data:
                self._strike()
            await self._forward(data, self._to_client)
        raise EOFError

    def _judge(self, message: bytes) -> None:
        weather = self._proxy.weather
        if is_commit(message):
            if weather.lose_commit:
                weather.lose_commit = False
                self._strike()
            self._answer_is_lost = weather.lose_commit_answer
            weather.lose_commit_answer = False
        if weather.cut_after_bytes is not None:
            weather.cut_after_bytes -= len(message)
            if weather.cut_after_bytes < 0:
                weather.cut_after_bytes = None
                self._strike()

    def _strike(self) -> None:
        self._proxy.weather.fired.set()
        run.note("fired", ["network fault"])
        raise ConnectionAbortedError("as the test wanted")

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._proxy.weather.delay_seconds:
            self._proxy.weather.fired.set()
            await asyncio.sleep(self._proxy.weather.delay_seconds)
        if self._proxy.weather.blackhole:
            self._proxy.weather.fired.set()
        else:
            writer.write(data)
            await writer.drain()


@contextmanager
def proxied(dsn: str) -> Iterator[Proxy]:
    """Run a proxy in front of the server that `dsn` names, in an event loop of its own, while the block lasts."""
    parts = urlsplit(dsn)
    with _running(Proxy(parts.hostname or "127.0.0.1", parts.port or 5432)) as proxy:
        yield proxy


@contextmanager
def proxied_broker(behind: str, listen_on: str) -> Iterator[Proxy]:
    """Run a proxy on the address `listen_on` in front of the broker's listener `behind` while the block lasts."""
    host, _, port = behind.rpartition(":")
    listen_port = int(listen_on.rpartition(":")[2])
    with _running(Proxy(host, int(port), listen_port=listen_port, wire=Opaque)) as proxy:
        yield proxy


@contextmanager
def _running(proxy: Proxy) -> Iterator[Proxy]:
    with start_blocking_portal() as portal:
        server = portal.call(proxy.start)
        try:
            yield proxy
        finally:
            portal.call(server.close)
            proxy.cut()
