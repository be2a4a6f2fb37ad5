"""Named points where a test makes this process die, stop or fail. Inert unless `HEADRACE_FAILPOINTS` arms them.

The variable holds `name=action[@nth][~text]`, separated by `;`: `commit.before_send=kill@2` kills the process (SIGKILL)
when it reaches that point for the second time, `decode.mid=kill~boom` when a value in hand contains `boom`.
Actions: `kill`, `stop` (SIGSTOP), `raise`, `delay:SECONDS`, `drop_conn`.
An armed process writes each point that fires to the file that `HEADRACE_FAILPOINTS_LOG` names, before it acts.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

POINTS: Final = frozenset({
    "poll.after", "decode.mid", "schema.before_ddl", "schema.after_ddl_before_data", "load.after_copy",
    "offset.before_cas", "commit.before_send", "commit.after_send", "commit.after_ack", "acknowledge.before",
    "revoke.enter", "claim.after_epoch", "shutdown.mid_drain",
    "extract.before_write", "extract.before_rename", "extract.after_rename",
    "normalize.before_note", "normalize.after_note", "package.before_load", "package.after_load",
})  # fmt: skip


class FailpointRaised(Exception):
    """Raised by a point armed with `raise`, and only there."""


class ConnectionDropped(ConnectionError):
    """Raised by a point armed with `drop_conn`: the sink treats it as a cut connection."""


@dataclass(frozen=True, slots=True)
class _Armed:
    action: str
    nth: int | None  # None: every time
    text: bytes  # empty: whatever it is about


def _parse(spec: str) -> dict[str, _Armed]:
    armed: dict[str, _Armed] = {}
    for entry in filter(None, (part.strip() for part in spec.split(";"))):
        name, _, action = entry.partition("=")
        action, _, text = action.partition("~")
        action, _, nth = action.partition("@")
        if name not in POINTS or action.partition(":")[0] not in {"kill", "stop", "raise", "delay", "drop_conn"}:
            raise ValueError(f"HEADRACE_FAILPOINTS: cannot arm {entry!r}; points: {', '.join(sorted(POINTS))}")
        armed[name] = _Armed(action, int(nth) if nth else None, text.encode())
    return armed


@cache
def _armed() -> dict[str, _Armed]:
    """Read the variable when the first point is reached: a process that is forked may be armed after its imports."""
    return _parse(os.environ.get("HEADRACE_FAILPOINTS", ""))


_SEEN: Final[Counter[str]] = Counter()


def failpoint(name: str, about: Iterable[bytes | None] = ()) -> None:
    """Do what `name` is armed with, else nothing at all. `about`: the values in hand, looked at only if armed."""
    if (armed := _armed().get(name)) and _concerns(armed, about):
        _fire(name, armed)


def _concerns(armed: _Armed, about: Iterable[bytes | None]) -> bool:
    return not armed.text or any(value and armed.text in value for value in about)


def _fire(name: str, armed: _Armed) -> None:
    _SEEN[name] += 1
    if armed.nth is not None and _SEEN[name] != armed.nth:
        return
    _record(name, armed.action)
    match armed.action.partition(":"):
        case ("kill", _, _):
            os.kill(os.getpid(), signal.SIGKILL)
        case ("stop", _, _):
            os.kill(os.getpid(), signal.SIGSTOP)
        case ("delay", _, seconds):
            time.sleep(float(seconds))
        case ("drop_conn", _, _):
            raise ConnectionDropped(f"failpoint {name} dropped the connection")
        case _:
            raise FailpointRaised(f"failpoint {name}")


def _record(name: str, action: str) -> None:
    if path := os.environ.get("HEADRACE_FAILPOINTS_LOG"):
        with open(path, "a", encoding="utf-8") as log:
            log.write(f"{name} {action}\n")
            log.flush()
            os.fsync(log.fileno())
