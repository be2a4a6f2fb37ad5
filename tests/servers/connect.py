"""A real Kafka Connect with Debezium's PostgreSQL connector: one standalone worker, from Maven's jars."""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from servers.jars import jars
from servers.kafka import QUICK
from servers.process import ServerProcess, free_port

HERE: Final = Path(__file__).parent
JSON: Final = "org.apache.kafka.connect.json.JsonConverter"


class ConnectServer:
    """A worker of ours with one connector. What it was at is in a file, as far as it was flushed: it may say twice."""

    def __init__(self, worker: Mapping[str, object], connector: Mapping[str, object]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-connect-"))
        self._port = free_port()
        self._name = connector["name"]
        self._offsets = self._folder / "offsets"
        places = {"offset.storage.file.filename": self._offsets, "listeners": f"http://127.0.0.1:{self._port}"}
        self._files = [
            _properties(self._folder / "worker.properties", {**worker, **places}),
            _properties(self._folder / "connector.properties", connector),
        ]
        self._process: ServerProcess | None = None

    @property
    def flushed_at(self) -> int:
        """Return when it last wrote down where it is, in nanoseconds; 0 before it ever did."""
        return self._offsets.stat().st_mtime_ns if self._offsets.exists() else 0

    @property
    def log(self) -> str:
        """Return everything that it wrote so far."""
        return (self._folder / "connect.log").read_text(errors="replace")

    def start(self) -> None:
        """Start the worker, which goes on from where it was; `running` says when it does."""
        command = ["java", *QUICK, "-cp", f"{jars(HERE / 'connect-pom.xml')}/*"]
        command += [f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"]
        command += ["org.apache.kafka.connect.cli.ConnectStandalone"]
        self._process = ServerProcess([*command, *map(str, self._files)], self._folder / "connect.log")

    def running(self) -> bool:
        """Return whether the connector's task runs, as the worker itself tells."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/connectors/{self._name}/status") as page:
                return page.read().count(b'"RUNNING"') > 1  # the connector, and its task
        except OSError:
            return False

    def kill(self) -> None:
        """Kill the worker with SIGKILL; what it wrote down stays. Safe to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def close(self) -> None:
        """Stop the worker and remove its files."""
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def following(
    bootstrap: str,
    dsn: str,
    *,
    schema: str,
    prefix: str,
    with_schemas: bool = True,
    more: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[ConnectServer]:
    """Follow the tables of one schema of a PostgreSQL with `wal_level = logical` into topics `prefix.schema.table`.

    `with_schemas`: each message carries its schema, as JsonConverter does by default. `more`: settings of the
    connector. The slot stays in the database.
    """
    parts = urlsplit(dsn)
    worker = {
        "bootstrap.servers": bootstrap,
        "key.converter": JSON,
        "value.converter": JSON,
        "key.converter.schemas.enable": str(with_schemas).lower(),
        "value.converter.schemas.enable": str(with_schemas).lower(),
        "offset.flush.interval.ms": "500",
        "plugin.discovery": "service_load",
    }
    connector = {
        "name": prefix,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": parts.hostname,
        "database.port": parts.port,
        "database.user": parts.username,
        "database.password": parts.password,
        "database.dbname": parts.path.removeprefix("/"),
        "topic.prefix": prefix,
        "plugin.name": "pgoutput",
        "schema.include.list": schema,
        "slot.name": prefix,
        "publication.name": prefix,
        "publication.autocreate.mode": "filtered",
        "poll.interval.ms": "50",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.partitions": "2",
        **more,
    }
    server = ConnectServer(worker, connector)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _properties(path: Path, settings: Mapping[str, object]) -> Path:
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path
