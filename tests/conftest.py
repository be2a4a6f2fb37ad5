"""Fixtures that every suite may use: a real Kafka, a real PostgreSQL, fresh topics, fresh datasets."""

from __future__ import annotations

import os
import uuid
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import psycopg
import pytest
from blockbuster import blockbuster_ctx
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import HealthCheck

from servers import apicurio as apicurio_server
from servers import kafka as kafka_server
from servers import pgbouncer as pgbouncer_server
from servers import postgres as postgres_server
from servers import run
from servers.apicurio import RegistryAddress
from servers.kafka import KafkaAddress, KafkaServer
from servers.missing import ServerMissing, give_up
from servers.postgres import PostgresServer

pytest.register_assert_rewrite(
    "checkpoints.testing", "sinks.testing", "stream.source.testing.suite", "stream.decode.testing"
)

NOT_RUN = "could not run for want of a server"
SERVERS = {"kafka", "apicurio", "postgres_dsn", "pooled_dsn", "own_kafka", "own_postgres"}
READ_ONCE = {  # modules, what is installed, and the sources in a traceback
    "<frozen importlib._bootstrap>": {"_find_and_load"},
    "importlib/metadata/__init__.py": {"entry_points"},
    "linecache.py": {"checkcache", "updatecache"},
}
# How long an example takes says something of the machine alone.
hypothesis.settings.register_profile(
    "headrace", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
hypothesis.settings.load_profile("headrace")
LEADER = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Lead the run, where this process is no worker of another."""
    if not hasattr(config, "workerinput"):
        config.stash[LEADER] = ExitStack()
        config.stash[LEADER].enter_context(run.leading())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run, and the servers that its workers shared."""
    if LEADER in config.stash:
        config.stash[LEADER].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server, so that they can be left out."""
    for item in items:
        folder = item.path.relative_to(item.config.rootpath).parts[1]
        if folder in {"crash", "integration"} or not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("servers")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything runs on asyncio: aiokafka needs it."""
    return "asyncio"


@pytest.fixture(scope="module")
def never_blocking() -> Iterator[None]:
    """A blocking call of ours on an event loop fails the test that meets it; but for files that Python reads once."""
    zoneinfo.ZoneInfo("UTC")  # Arrow looks it up in the first test that reads a timestamp
    with blockbuster_ctx(["stream.runtime", "stream.source", "stream.registry", "stream.observe", "sinks"]) as found:
        for function in found.functions.values():
            for file, functions in READ_ONCE.items():
                function.can_block_in(file, functions)
        yield


@pytest.fixture(scope="session")
def kafka() -> KafkaAddress:
    """A broker, shared by all workers of this run: nobody stops it."""
    return _found("Kafka", kafka_server.shared)


@pytest.fixture(scope="session")
def postgres_dsn() -> str:
    """The URL, with user and password, of a PostgreSQL that all workers of this run share: nobody stops it."""
    return _found("PostgreSQL", postgres_server.shared)


@pytest.fixture(scope="session")
def pooled_dsn(postgres_dsn: str) -> Iterator[str]:
    """The URL of a PgBouncer in transaction mode in front of that server."""
    with ExitStack() as stack:
        yield _found(
            "PgBouncer", lambda: stack.enter_context(pgbouncer_server.in_front_of(postgres_dsn, "transaction"))
        )


@pytest.fixture(scope="session")
def apicurio() -> RegistryAddress:
    """A schema registry, shared by all workers of this run: nobody stops it."""
    return _found("Apicurio", apicurio_server.shared)


@pytest.fixture(scope="session")
def own_kafka() -> Iterator[KafkaServer]:
    """A broker for tests that kill it. They share an `xdist_group`; whoever stops it starts it again."""
    with ExitStack() as stack:
        yield _found("Kafka", lambda: stack.enter_context(kafka_server.owned()))


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for tests that kill it. They share an `xdist_group`; whoever kills it starts it again."""
    with ExitStack() as stack:
        yield _found("PostgreSQL", lambda: stack.enter_context(postgres_server.owned()))


@pytest.fixture
def topic(kafka: KafkaAddress) -> Iterator[Callable[..., str]]:
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


def _found(name: str, find: Callable[[], Any]) -> Any:
    try:
        return find()
    except ServerMissing as missing:
        give_up(f"{name} {NOT_RUN}: {missing}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name loudly, by file, the tests that no server was there for."""
    files: dict[str, int] = {}
    for outcome in ("skipped", "error", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if NOT_RUN in str(report.longrepr):
                file = report.nodeid.partition("::")[0]
                files[file] = files.get(file, 0) + 1
    if fired := Counter(line.partition(":")[0] for line in run.noted("fired")):
        counts = ", ".join(f"{point} {count}" for point, count in sorted(fired.items()))
        terminalreporter.section(f"{fired.total()} failpoints and faults fired: {counts}", sep="-")
    if files:
        terminalreporter.section("NOT RUN: a server or a tool is missing", sep="!", red=True, bold=True)
        for file, count in sorted(files.items()):
            terminalreporter.line(f"{file}: {count} tests did not run", red=True)
