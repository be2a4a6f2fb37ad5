"""Ctrl-C and SIGTERM as a wish to stop: the first drains, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NoReturn

import anyio
from anyio.abc import TaskStatus

from stream.model.exception_groups import unwrap_single

_STDERR: Final = 2
_SHOW_CURSOR: Final = b"\x1b[?25h\n"


@asynccontextmanager
async def stopped_by_signals() -> AsyncIterator[anyio.Event]:
    """Yield an event that the first SIGINT or SIGTERM sets; the second exits with 128 + its number.

    Outside the main thread, where Python delivers no signals, the event is never set.
    """
    stopping = anyio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    with unwrap_single():
        async with anyio.create_task_group() as group:
            await group.start(_listen, stopping, name="signals")
            yield stopping
            group.cancel_scope.cancel()


async def _listen(stopping: anyio.Event, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            if stopping.is_set():
                _exit_at_once(number)
            stopping.set()


def _exit_at_once(number: int) -> NoReturn:
    # Nothing is unwound: rows and offsets commit together, so nothing is lost. Only a hidden cursor would stay hidden.
    if os.isatty(_STDERR):
        os.write(_STDERR, _SHOW_CURSOR)
    os._exit(128 + number)
