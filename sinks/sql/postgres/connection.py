"""A connection to PostgreSQL on which no wait is for ever.

The server's own timeouts do not reach a client whose network swallows the answer, and none ends a COPY that waits for
data. Keepalives see a dead machine, but not a proxy that lives and passes nothing on.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait

T = TypeVar("T")

# How much longer than the server allows a statement we wait for its answer.
_GRACE_SECONDS: Final = 5.0


class Connection(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes longer than `statement_seconds` and a grace."""

    statement_seconds: float = 0.0

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Return what `gen` returns. Raises `psycopg.OperationalError` when the server falls silent."""
        return super().wait(self._impatient(gen), *args, **kwargs)

    def wait_for_answer(self) -> None:
        """Return when a result that was asked for by hand can be taken without waiting."""
        self.wait(_answer(self.pgconn))

    def _impatient(self, gen: PQGen[T]) -> Generator[Wait, Ready | int, T]:
        patience = self.statement_seconds + _GRACE_SECONDS
        deadline = time.monotonic() + patience
        try:
            wish = next(gen)
            while True:
                ready = yield wish
                if ready == Ready.NONE and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer in {patience:g} s: the connection was given up")
                wish = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result


def shut_down(descriptor: int) -> None:
    """End both directions of a connection; its descriptor stays open, since it is libpq's to close.

    Raises `OSError` where the connection has ended already.
    """
    shared = socket.socket(fileno=descriptor)
    try:
        shared.shutdown(socket.SHUT_RDWR)
    finally:
        shared.detach()


def _answer(wire: PGconn) -> Generator[Wait, Ready | int, None]:
    while wire.is_busy():
        yield Wait.R
        wire.consume_input()
