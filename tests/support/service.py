"""The real service, as a child process that tests start, watch, kill and ask."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from servers import run
from support.life import Life

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = (sys.executable, "-m", "stream.cli.main")


class Service:
    """One life of `headrace run`. Its output is in `log`; the failpoints that fired are in `fired`."""

    def __init__(self, *args: str, folder: Path, env: Mapping[str, str], failpoints: str) -> None:
        self._fired = folder / "failpoints"
        self._log = folder / "output"
        armed = {"HEADRACE_FAILPOINTS": failpoints, "HEADRACE_FAILPOINTS_LOG": str(self._fired)}
        self._log.touch()
        self.process = Life(
            ["run", *args], cwd=ROOT, env=_environment(env, home=folder) | armed, stdout=self._log, stderr=self._log
        )

    @property
    def log(self) -> str:
        """Return everything that was written so far."""
        return self._log.read_text(errors="replace")

    @property
    def fired(self) -> list[str]:
        """Return the failpoints that fired so far, as `name action`."""
        return self._fired.read_text().splitlines() if self._fired.exists() else []

    @property
    def stopped(self) -> bool:
        """Return whether the process sleeps under SIGSTOP."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def send(self, what: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(what)

    def wait(self, *, seconds: float = 60) -> int:
        """Return the exit code; negative when a signal ended it. Raises `AssertionError` when it goes on."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.log[-3000:]}") from None

    def until(self, reached: Callable[[], bool], *, seconds: float = 60) -> None:
        """Return when `reached()`. Raises `AssertionError` when the service ends first or the time is up."""
        wait_until(lambda: reached() or self.process.poll() is not None, seconds=seconds, tell=lambda: self.log)
        if not reached():
            raise AssertionError(f"ended with {self.process.returncode} before its time:\n{self.log[-3000:]}")

    def drain(self, *, seconds: float = 60) -> None:
        """Send SIGTERM and expect exit code 0."""
        self.send(signal.SIGTERM)
        code = self.wait(seconds=seconds)
        assert code == 0, f"exit code {code} after SIGTERM:\n{self.log[-3000:]}"


@contextmanager
def running(*args: str, env: Mapping[str, str] | None = None, failpoints: str = "") -> Iterator[Service]:
    """Run `headrace run ARGS` while the block lasts; killed at its end if it is still there."""
    with tempfile.TemporaryDirectory(prefix="headrace-service-") as folder:
        service = Service(*args, folder=Path(folder), env=env or {}, failpoints=failpoints)
        try:
            yield service
        finally:
            service.process.kill()
            service.process.wait()
            run.note("fired", service.fired)


def headrace(*args: str, env: Mapping[str, str] | None = None, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run any `headrace` command to its end."""
    with tempfile.TemporaryDirectory(prefix="headrace-home-") as home:
        stdout, stderr = Path(home, "stdout"), Path(home, "stderr")
        life = Life(args, cwd=ROOT, env=_environment(env or {}, home=Path(home)), stdout=stdout, stderr=stderr)
        try:
            code = life.wait(seconds)
        finally:
            life.kill()
        return subprocess.CompletedProcess(args, code, stdout.read_text(), stderr.read_text())


def fetch(url: str) -> str:
    """Return a page of the service, such as its metrics."""
    with urllib.request.urlopen(url, timeout=5) as page:
        return page.read().decode()


def wait_until(reached: Callable[[], bool], *, seconds: float = 60, tell: Callable[[], str] = str) -> None:
    """Return when `reached()`; raises `AssertionError` with what `tell()` has to say when the time is up."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"not reached in {seconds} s:\n{tell()[-3000:]}")
        time.sleep(0.05)


def _environment(extra: Mapping[str, str], *, home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE")}
    return {**inherited, "PYTHONPATH": str(ROOT), "HOME": str(home), **extra}
