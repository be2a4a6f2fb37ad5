"""One run of the tests, in one process or in several: what its workers share, and how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_VARIABLE: Final = "HEADRACE_TEST_RUN"


@contextlib.contextmanager
def leading() -> Iterator[None]:
    """Be the process that leads a run while the block lasts: with it end all servers that its workers share."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-tests-"))
    folder.chmod(0o755)
    os.environ[_VARIABLE] = str(folder)  # workers inherit it
    os.mkfifo(lifeline())
    held = os.open(lifeline(), os.O_RDWR)  # not inherited: it closes when this process ends, however it ends
    try:
        yield
    finally:
        os.close(held)
        del os.environ[_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def lifeline() -> Path:
    """Return the named pipe whose only writer is the process that leads the run."""
    return _folder() / "lifeline"


def once(name: str, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return what `make()` gave to the first worker of this run that asked for `name`; the others wait for it."""
    answer = _folder() / f"{name}.json"
    with answer.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            answer.write_text(json.dumps(make()))
    found: dict[str, str] = json.loads(answer.read_text())
    return found


def note(kind: str, lines: list[str]) -> None:
    """Write down what happened, for the summary of the run."""
    with (_folder() / kind).open("a") as notes:
        notes.writelines(f"{line}\n" for line in lines)


def noted(kind: str) -> list[str]:
    """Return what all workers wrote down so far."""
    notes = _folder() / kind
    return notes.read_text().splitlines() if notes.exists() else []


def _folder() -> Path:
    return Path(os.environ[_VARIABLE])
