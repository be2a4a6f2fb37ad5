"""The broker and the PostgreSQL that the contenders share: those of the tests, with a broker set up for speed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measure import ROOT

sys.path.insert(0, str(ROOT / "tests"))  # where the tests find them too
from servers import postgres
from servers.kafka import KafkaServer
from servers.process import free_port

__all__ = ["free_port", "kafka", "postgresql"]

FAST = ("-Xmx1g", "-XX:+UseG1GC")  # the tests' broker starts quickly and stays slow


@contextmanager
def kafka() -> Iterator[str]:
    """Give the address of a broker: what `KAFKA_BOOTSTRAP_SERVERS` names, else one of ours."""
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield bootstrap
        return
    server = KafkaServer(java_flags=FAST)
    try:
        server.start()
        yield server.bootstrap
    finally:
        server.close()


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of a PostgreSQL: what `POSTGRES_DSN` names, else one of ours."""
    if dsn := os.environ.get("POSTGRES_DSN"):
        yield dsn
        return
    with postgres.owned() as server:
        yield server.dsn
