"""Lives of `headrace` as processes of their own: forked from one that has the imports, else like any other process.

A life has its own environment, folder, output and signals; SIGKILL ends it as it ends any process. What it saves is the
second that Python needs to import everything, a few hundred times a run.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None)
_IMPORTED: Final = (
    "stream.cli.main", "stream.runtime.service", "stream.api.pipeline", "sinks.memory", "sinks.sql.duckdb",
    "sinks.sql.postgres", "aiokafka", "duckdb", "psycopg", __name__,
)  # fmt: skip


class Life:
    """One process of `headrace ARGS`, with the few methods of `subprocess.Popen` that tests need."""

    def __init__(self, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: Path, stderr: Path) -> None:
        self._args = args
        self._process = _server().Process(target=_live, args=(list(args), cwd, dict(env), stdout, stderr))
        self._process.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Return the exit code, negative when a signal ended the process; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Return the exit code; raises `subprocess.TimeoutExpired` when the process goes on."""
        self._process.join(seconds)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(list(self._args), seconds or 0)
        return code

    def send_signal(self, what: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, what)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context


def _live(args: list[str], cwd: Path, env: dict[str, str], stdout: Path, stderr: Path) -> None:
    _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: when the tests end without a word, so does this; stopped as well
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, file in ((1, stdout), (2, stderr)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["headrace", *args]
    random.seed()  # else all lives would draw the same numbers
    from stream.cli.main import main

    main()
