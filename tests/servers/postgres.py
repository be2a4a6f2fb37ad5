"""A real PostgreSQL for the tests: a cluster of its own on a free port, in a temporary folder."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from servers import packages, run
from servers.missing import ServerMissing
from servers.process import ServerProcess, free_port

ROOT: Final = Path(__file__).parents[2]
WHEEL: Final = ROOT / ".cache" / "pgserver"
USER: Final = "headrace"
PASSWORD: Final = "headrace-secret"

# fsync stays on: a killed server must remember what it answered.
SETTINGS: Final = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
shared_buffers = 64MB
max_connections = 120
max_wal_size = 512MB
deadlock_timeout = 200ms
log_min_messages = warning
"""


class PostgresServer:
    """A server of ours: `dsn` names its superuser with a password; its port stays for life. It runs as `user`, if said.

    It ends with this process, or with the writers of `lifeline`.
    """

    def __init__(self, *, lifeline: Path | None = None) -> None:
        self._lifeline = lifeline
        self._bin = _binaries()
        self.user = unprivileged_user()
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-postgres-"))
        self._data = self._folder / "data"
        self.port = free_port()
        self.dsn = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        self._process: ServerProcess | None = None
        if self.user:
            shutil.chown(self._folder, self.user)
        self._initialize()

    @property
    def pid(self) -> int:
        """Return the postmaster's process id; raises `RuntimeError` while it is stopped."""
        if self._process is None:
            raise RuntimeError("PostgreSQL is stopped")
        return self._process.pid

    def start(self) -> None:
        """Start the server on its old data (recovering it after a crash) and return when it takes connections."""
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        log = self._folder / "server.log"
        self._process = ServerProcess(command, log, user=self.user, lifeline=self._lifeline)
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        """Shut down in good order: connections are cut, transactions rolled back. Safe to repeat."""
        if self._process is not None:
            self._process.stop(signal.SIGINT)
            self._process = None

    def kill(self) -> None:
        """Kill all of the server's processes with SIGKILL, as a power cut would. Safe to repeat."""
        if self._process is not None:
            backends = _children(self.pid)
            self._process.kill()
            for backend in backends:  # each in a session of its own, so the group's signal missed it
                with contextlib.suppress(ProcessLookupError):
                    os.kill(backend, signal.SIGKILL)
            self._process = None

    def restart(self) -> None:
        """Stop, then start."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kill the server and remove its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        command = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _initialize(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        command = [str(self._bin / "initdb"), "-D", str(self._data), "-U", USER, f"--pwfile={password}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            command, user=self.user, extra_groups=[] if self.user else None, cwd=self._folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServerMissing(f"initdb failed:\n{done.stdout}{done.stderr}")
        settings = SETTINGS.format(port=self.port, folder=self._folder)
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings)


def shared() -> str:
    """Return the DSN of this run's server: the one that the environment names, else one of ours, which nobody stops."""
    return os.environ.get("POSTGRES_DSN") or run.once("postgres", _started)["dsn"]


def _started() -> dict[str, str]:
    server = PostgresServer(lifeline=run.lifeline())
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return {"dsn": server.dsn}


@contextmanager
def owned() -> Iterator[PostgresServer]:
    """Give a server that nobody else uses, to be stopped and killed at will."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _binaries() -> Path:
    found = _installed()
    if found is None and os.geteuid() == 0:
        packages.install("postgresql")
        found = _installed()
    return found or _from_wheel()


def _installed() -> Path | None:
    debian = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    path = debian[-1] if debian else shutil.which("initdb")
    return Path(path).resolve().parent if path else None


def _from_wheel() -> Path:
    """Return the binaries of the wheel `pgserver`, for machines where nothing may be installed."""
    binaries = WHEEL / "pgserver" / "pginstall" / "bin"
    if not binaries.exists():
        lock = ROOT / "requirements" / "pgserver.lock"
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--target"]
        done = subprocess.run([*command, str(WHEEL), "-r", str(lock)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerMissing(f"install PostgreSQL; the wheel pgserver cannot stand in:\n{done.stderr[-1000:]}")
    return binaries


def unprivileged_user() -> str | None:
    """Return the user to become: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")  # none of a process that has ended
    return [int(child) for children in tasks for child in children.read_text().split()]
