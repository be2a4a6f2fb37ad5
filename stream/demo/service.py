"""The service under demonstration: `headrace run` as a child process, armed to kill itself in mid-commit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import Process

from stream.errors import HeadraceError

_OFFSET: Final = re.compile(r"^headrace_committed_offset\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """One life of the service: its process and where it serves its metrics."""

    process: Process
    port: int
    log: Path

    async def committed(self) -> int:
        """Return the sum of the durable offsets, as its own metrics tell; 0 while it does not answer."""
        try:
            page = await to_thread.run_sync(_fetch, f"http://127.0.0.1:{self.port}/metrics")
        except (OSError, HTTPException):  # not up yet, or killed in the middle of an answer
            return 0
        return sum(int(float(value)) for value in _OFFSET.findall(page))

    async def killed(self) -> None:
        """Wait for the death that it was armed for. Raises `HeadraceError` when it ends in another way."""
        code = await self.process.wait()
        if code != -signal.SIGKILL:
            raise HeadraceError(f"the service was to be killed, but ended with exit code {code}: see {self.log}")

    async def drained(self) -> None:
        """Ask it to stop, as Kubernetes would, and wait. Raises `HeadraceError` when it does not exit 0."""
        self.process.terminate()
        if code := await self.process.wait():
            raise HeadraceError(f"the service did not drain, but ended with exit code {code}: see {self.log}")


@asynccontextmanager
async def running_service(config: Path, port: int, log: Path, *, failpoints: str = "") -> AsyncIterator[Service]:
    """Yield a service that reads `config`; killed at the end of the context if it still runs."""
    command = [sys.executable, "-m", "stream.cli.main", "run", "-c", str(config), "--http", f"127.0.0.1:{port}"]
    with log.open("ab") as output:
        process = await anyio.open_process(
            command, stdout=output, stderr=subprocess.STDOUT, env=_environment(failpoints)
        )
    try:
        yield Service(process, port, log)
    finally:
        if process.returncode is None:
            process.kill()
            with anyio.CancelScope(shield=True):
                await process.wait()


def _environment(failpoints: str) -> dict[str, str]:
    """Return the environment without settings of the user's own: they would win over the demo's file."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE")}
    return {**others, "HEADRACE_FAILPOINTS": failpoints}


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=2) as page:  # noqa: S310  # our own address
        return str(page.read().decode())
