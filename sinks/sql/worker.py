"""The one thread that a sink's driver blocks, and the connection that lives in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from checkpoints.failpoints import ConnectionDropped
from sinks.errors import InDoubt, SinkError, Transient
from sinks.sql.session import Database, Session

T = TypeVar("T")

# How long closing may take. A driver that hangs longer is left to the end of the process.
_CLOSE_SECONDS: Final = 5.0


class SessionThread:
    """Calls work with a session, one call at a time, in a worker thread; connects when there is no session."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: Session | None = None
        self._closed = False
        self._turns = CapacityLimiter(1)

    async def run(self, work: Callable[[Session], T]) -> T:
        """Return what `work` returns. When it raises, its transaction is rolled back, or its session given up.

        A cancelled caller still waits for the thread: timeouts bound that, and `aclose` ends it.
        """
        return await to_thread.run_sync(self._call, work, limiter=self._turns)

    async def aclose(self) -> None:
        """Interrupt the call that runs, if there is one, and disconnect. Safe to repeat, also at once."""
        self._closed = True
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            if (session := self._session) is not None and self._turns.borrowed_tokens:
                await to_thread.run_sync(session.interrupt, abandon_on_cancel=True)
            await to_thread.run_sync(self._close, limiter=self._turns, abandon_on_cancel=True)

    def _call(self, work: Callable[[Session], T]) -> T:
        if self._closed:
            raise SinkError(f"{self._database.capabilities.name}: the sink is closed; open a new one")
        if self._session is None:
            self._session = self._database.connect()
        try:
            return work(self._session)
        except ConnectionDropped as error:
            self._give_up()
            raise Transient(str(error)) from error
        except InDoubt:
            self._give_up()
            raise
        except Exception:
            self._roll_back(self._session)
            raise

    def _roll_back(self, session: Session) -> None:
        try:
            session.rollback()
        except SinkError:
            self._give_up()  # the next call connects again

    def _give_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(SinkError):
                session.close()

    def _close(self) -> None:
        self._give_up()
        self._database.close()
