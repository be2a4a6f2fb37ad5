"""A real Kafka Connect with Debezium's PostgreSQL connector: one standalone worker, from Maven's jars."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from servers.jars import jars
from servers.kafka import QUICK
from servers.process import ServerProcess, free_port

HERE: Final = Path(__file__).parent


@contextmanager
def following(bootstrap: str, dsn: str, *, schema: str, prefix: str, with_schemas: bool) -> Iterator[ServerProcess]:
    """Follow the tables of one schema of a PostgreSQL with `wal_level = logical` into topics `prefix.schema.table`.

    `with_schemas`: each message carries its schema, as JsonConverter does by default. The slot stays in the database.
    """
    folder = Path(tempfile.mkdtemp(prefix="headrace-connect-"))
    parts = urlsplit(dsn)
    converter = "org.apache.kafka.connect.json.JsonConverter"
    worker = {
        "bootstrap.servers": bootstrap,
        "key.converter": converter,
        "value.converter": converter,
        "key.converter.schemas.enable": str(with_schemas).lower(),
        "value.converter.schemas.enable": str(with_schemas).lower(),
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "500",
        "listeners": f"http://127.0.0.1:{free_port()}",
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
    }
    command = ["java", *QUICK, "-cp", f"{jars(HERE / 'connect-pom.xml')}/*"]
    command += [f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"]
    command += ["org.apache.kafka.connect.cli.ConnectStandalone"]
    files = [_properties(folder / "worker.properties", worker), _properties(folder / "connector.properties", connector)]
    process = ServerProcess([*command, *map(str, files)], folder / "connect.log")
    try:
        yield process
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _properties(path: Path, settings: Mapping[str, object]) -> Path:
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path
