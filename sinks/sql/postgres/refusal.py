"""Why a server refused a connection, as a SQLSTATE: the one part of its answer that no language changes.

libpq keeps an error of a connection that never came about as text alone, in the server's language. That text holds the
SQLSTATE where the connection was told to be verbose before the answer came, which no driver offers: so a refused
connection is asked for once more, by hand. (PostgreSQL documentation, `PQsetErrorVerbosity`.)
"""

from __future__ import annotations

import ctypes
import re
import selectors
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from psycopg import conninfo
from psycopg.pq import PGconn, PollingStatus
from psycopg.pq.abc import PGconn as Wire

_VERBOSE: Final = 2
_CODE: Final = re.compile(r": +((?=[A-Z]*[0-9])[0-9A-Z]{5}): ")  # a digit: FATAL stands before it
_EVENTS: Final[Mapping[int, int]] = {
    PollingStatus.READING: selectors.EVENT_READ,
    PollingStatus.WRITING: selectors.EVENT_WRITE,
}


def refusal_code(parameters: Mapping[str, Any], seconds: float) -> str | None:
    """Return the SQLSTATE with which a server refuses to be connected to with libpq's `parameters`.

    None when it does not answer within `seconds`, lets us in after all, or its libpq cannot be asked.
    """
    library = _libpq()
    if library is None:
        return None
    wire = PGconn.connect_start(conninfo.make_conninfo(**parameters).encode())
    try:
        library.PQsetErrorVerbosity(ctypes.c_void_p(getattr(wire, "pgconn_ptr")), _VERBOSE)  # noqa: B009  # in no stub
        _settle(wire, time.monotonic() + seconds)
        found = _CODE.search(wire.error_message.decode("utf-8", "replace"))
        return found[1] if found else None
    finally:
        wire.finish()


def _settle(wire: Wire, deadline: float) -> None:
    """Return when the connection stands, was refused, or the time is up."""
    while (status := wire.connect_poll()) in _EVENTS and (left := deadline - time.monotonic()) > 0:
        with selectors.DefaultSelector() as selector:  # libpq may change its socket from one address to the next
            selector.register(wire.socket, _EVENTS[status])
            selector.select(left)


@cache
def _libpq() -> ctypes.CDLL | None:
    """Return the libpq that psycopg has in this process; None where that cannot be found out."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    paths = {line.split(maxsplit=5)[-1] for line in lines if "/libpq" in line}
    return ctypes.CDLL(paths.pop()) if len(paths) == 1 else None
