"""Jars for the servers of the tests, from Maven, once for each list of them."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from servers import packages
from servers.missing import ServerMissing

CACHE: Final = Path(__file__).parents[2] / ".cache" / "kafka"


def jars(pom: Path) -> Path:
    """Return the folder with the jars of a pom, resolved by Maven the first time that it is met."""
    folder = CACHE / hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test sessions may meet it at once
        if not folder.exists():
            _resolve(pom, folder)
    return folder


def _resolve(pom: Path, folder: Path) -> None:
    if shutil.which("mvn") is None:
        packages.install("maven")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    done = subprocess.run(["mvn", "-q", "-B", "-f", str(pom), *goal], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerMissing(f"mvn could not resolve the jars of {pom.name}:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    partial.rename(folder)
