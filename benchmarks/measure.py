"""One child process, measured from its start to its exit."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import now

ROOT = Path(__file__).parents[1]
TICK_SECONDS = 0.02
DEADLINE_SECONDS = 900.0


class ContenderFailed(Exception):
    """A contender exited with an error, took too long, or lost or doubled rows."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process took: times since 1970, CPU (user and system) in seconds, peak resident memory in MiB."""

    started: float
    ended: float
    cpu_seconds: float
    peak_mib: float
    output: str


def measured(command: Sequence[str], env: Mapping[str, str] | None = None) -> Usage:
    """Run `command` to its end. Raises `ContenderFailed` unless it exits with 0."""
    with tempfile.TemporaryFile("w+") as output:
        started = now()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **(env or {})}
        )
        peak, deadline = 0.0, time.monotonic() + DEADLINE_SECONDS
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, peak_mib(process.pid))
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(TICK_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        finished = now()
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise ContenderFailed(f"{' '.join(command)}\nexited with {process.returncode}:\n{said[-3000:]}")
    return Usage(started, finished, ended[2].ru_utime + ended[2].ru_stime, peak, said)


def peak_mib(pid: int) -> float:
    """Return the most memory that a process and its children have had so far; 0 once it has gone.

    Not `ru_maxrss`: until the child's exec that counts its parent's memory as its own.
    """
    process = Path(f"/proc/{pid}")
    try:
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        children = (process / "task" / str(pid) / "children").read_text().split()
    except OSError:
        return 0.0
    return int(status.get("VmHWM", "0 kB").split()[0]) / 1024 + sum(peak_mib(int(child)) for child in children)
