"""A server as a child process that never outlives us, not even when we are killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO


class ServerFailed(Exception):
    """A server died or did not answer in time; the text ends with the last lines of its log."""


class ServerProcess:
    """One running server process in a group of its own, with its output in a file.

    It lives no longer than this process; or, for one that several processes share, than the writers of the named pipe
    `lifeline`.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, user: str | None = None, lifeline: Path | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=user, cwd=log.parent,
                extra_groups=[] if user else None, start_new_session=True,
            )  # fmt: skip
        # The guard's standard input ends when its writers do, however they do: then the server and its folder go too.
        with _opened(lifeline) as source:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", 'cat; kill -s KILL -- "-$0"; sleep 1; rm -rf "$1"', str(self.pid), str(log.parent)],
                stdin=source, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Return the server's process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Return when `ready()` is true; raises `ServerFailed` when the server dies first or the time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise ServerFailed(f"exited with {self._process.returncode}:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"no answer after {seconds} s:\n{self._tail()}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM, *, seconds: float = 20) -> None:
        """Send `how` to the server, and SIGKILL to its whole group when it has not gone after `seconds`."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._dismiss_guard()

    def kill(self) -> None:
        """Kill the server's group with SIGKILL and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._guard.pid, signal.SIGKILL)
        self._guard.wait()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]


@contextlib.contextmanager
def _opened(lifeline: Path | None) -> Iterator[IO[bytes] | int]:
    if lifeline is None:
        yield subprocess.PIPE
    else:
        with lifeline.open("rb") as source:
            yield source


def free_port() -> int:
    """Return a port that nobody listens on, below those the kernel gives to outgoing connections."""
    while True:
        port = random.randint(15_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", port))
                    return port


def listens(port: int) -> bool:
    """Return whether somebody accepts connections on `port` of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
