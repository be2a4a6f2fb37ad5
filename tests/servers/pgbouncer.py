"""A real PgBouncer in front of the run's PostgreSQL, from Debian's package, on a free port."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import psycopg

from servers import packages
from servers.missing import ServerMissing
from servers.postgres import unprivileged_user
from servers.process import ServerProcess, free_port

Mode = Literal["session", "transaction"]

# As Debian ships it, but for the addresses: it refuses startup options, and resets a session that changes hands.
SETTINGS: Final = """\
[databases]
* = host={host} port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = 4
max_client_conn = 200
"""


@contextmanager
def in_front_of(dsn: str, mode: Mode) -> Iterator[str]:
    """Give the URL of a pooler in front of the server that `dsn` names; it ends with the block."""
    server, port = urlsplit(dsn), free_port()
    folder = Path(tempfile.mkdtemp(prefix="headrace-pgbouncer-"))
    (folder / "users.txt").write_text(f'"{server.username}" "{server.password}"\n', encoding="utf-8")
    settings = SETTINGS.format(host=server.hostname, server=server.port, port=port, folder=folder, mode=mode)
    (folder / "pgbouncer.ini").write_text(settings, encoding="utf-8")
    user = unprivileged_user()
    if user:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    url = server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{port}").geturl()
    process = ServerProcess([_binary(), str(folder / "pgbouncer.ini")], folder / "pgbouncer.log", user=user)
    try:
        process.wait_until(lambda: _answers(url))
        yield url
    finally:
        process.stop(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)


def _binary() -> str:
    path = "/usr/sbin:/usr/bin:/usr/local/bin"
    if (found := shutil.which("pgbouncer", path=path)) is None:
        packages.install("pgbouncer")
        found = shutil.which("pgbouncer", path=path)
    if found is None:
        raise ServerMissing("install pgbouncer")
    return found


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
