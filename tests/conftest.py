"""Fixtures that every suite may use: a real Kafka, a real PostgreSQL, fresh topics, fresh datasets."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from servers import kafka as kafka_server
from servers import postgres as postgres_server
from servers.kafka import ForeignKafka, KafkaServer
from servers.missing import ServerMissing, give_up
from servers.postgres import ForeignPostgres, PostgresServer

pytest.register_assert_rewrite("checkpoints.testing", "sinks.testing", "stream.source.testing.suite")

NOT_RUN = "could not run for want of a server"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything runs on asyncio: aiokafka needs it."""
    return "asyncio"


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer | ForeignKafka]:
    """A broker, shared by the session. Whoever stops it starts it again."""
    yield from _serve("Kafka", kafka_server.running())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer | ForeignPostgres]:
    """A PostgreSQL, shared by the session. Whoever kills it starts it again."""
    yield from _serve("PostgreSQL", postgres_server.running())


@pytest.fixture(scope="session")
def postgres_dsn(postgres: PostgresServer | ForeignPostgres) -> str:
    """The URL of the session's PostgreSQL, with user and password."""
    return postgres.dsn


@pytest.fixture
def topic(kafka: KafkaServer | ForeignKafka) -> Iterator[Callable[..., str]]:
    """Call it for a fresh topic: `topic(partitions=4, config={"cleanup.policy": "compact"})` returns its name."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    created: list[str] = []

    def create(name: str = "orders", *, partitions: int = 1, config: dict[str, str] | None = None) -> str:
        fresh = f"{name}-{uuid.uuid4().hex[:10]}"
        admin.create_topics([NewTopic(fresh, partitions, 1, config=config or {})])[fresh].result(30)
        created.append(fresh)
        return fresh

    yield create
    if created:
        admin.delete_topics(created)


@pytest.fixture
def dataset() -> Iterator[str]:
    """A name for a dataset that nobody else uses; dropped at the end from a server that outlives us."""
    name = f"test_{uuid.uuid4().hex[:10]}"
    yield name
    if dsn := os.environ.get("POSTGRES_DSN"):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"drop schema if exists {name} cascade".encode())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    """Take it for a missing server when a test has to own one, and the one at hand is somebody else's."""
    try:
        return (yield)
    except ServerMissing as missing:
        give_up(f"{item.name} {NOT_RUN}: {missing}")


def _serve(name: str, running: AbstractContextManager[Any]) -> Iterator[Any]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running)
        except ServerMissing as missing:
            give_up(f"{name} {NOT_RUN}: {missing}")
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name loudly, by file, the tests that no server was there for."""
    files: dict[str, int] = {}
    for outcome in ("skipped", "error", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if NOT_RUN in str(report.longrepr):
                file = report.nodeid.partition("::")[0]
                files[file] = files.get(file, 0) + 1
    if files:
        terminalreporter.section("NOT RUN: a server or a tool is missing", sep="!", red=True, bold=True)
        for file, count in sorted(files.items()):
            terminalreporter.line(f"{file}: {count} tests did not run", red=True)
