"""`headrace doctor` against a broker with ACLs, a database with rights, and a registry with credentials."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from servers.kafka import SASL_PASSWORD, SASL_USER
from stream.cli.doctor import examined
from stream.cli.outside import asked, loaded
from stream.operate.examination import Check
from support import events
from support.fake_registry import Answers, answering

TO_DUCKDB = "duckdb:///{folder}/doctor.duckdb"


def checks(bootstrap: str, topic: str, url: str, **settings: object) -> dict[str, Check]:
    """Return what the doctor says, by name."""
    given = {"kafka.brokers": bootstrap, "kafka.topics": [topic], "destination.url": url, "pipeline": "doctor"}
    config = loaded(None, given | settings)
    return {check.name: check for check in asked(config, examined)}


def as_reader(**settings: object) -> dict[str, object]:
    security = {"mechanism": "SCRAM-SHA-256", "username": SASL_USER, "password": SASL_PASSWORD}
    return {f"kafka.security.{name}": value for name, value in security.items()} | settings


def allow_somebody_else(bootstrap: str, kind: ResourceType, name: str) -> None:
    """Let one other user alone read a topic or a group."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    someone = (ResourcePatternType.LITERAL, "User:else", "*", AclOperation.READ, AclPermissionType.ALLOW)
    for done in admin.create_acls([AclBinding(kind, name, *someone)]).values():
        done.result(30)


@pytest.fixture
def topic(kafka) -> str:
    return events.fresh_topic(kafka.bootstrap, "doctor", partitions=2)


def test_a_user_who_may_do_all_is_told_so(kafka, topic, tmp_path) -> None:
    found = checks(kafka.sasl_bootstrap, topic, TO_DUCKDB.format(folder=tmp_path), **as_reader())
    assert found[f"topic {topic}"].text.startswith("may be read; 2 partitions")
    assert [check for check in found.values() if check.verdict == "bad"] == []
    assert found["rights in the destination"].text == "may write, and change tables"


def test_a_topic_that_may_not_be_read_comes_with_what_grants_it(kafka, topic, tmp_path) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    describe = (ResourcePatternType.LITERAL, f"User:{SASL_USER}", "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)
    for done in admin.create_acls([AclBinding(ResourceType.TOPIC, topic, *describe)]).values():
        done.result(30)
    found = checks(kafka.sasl_bootstrap, topic, TO_DUCKDB.format(folder=tmp_path), **as_reader())
    (check,) = (check for name, check in found.items() if name == f"topic {topic}")
    assert (check.verdict, "may not Read: kafka-acls --add" in check.text) == ("bad", True), check.text


def test_a_group_that_may_not_be_joined_comes_with_what_grants_it(kafka, topic, tmp_path) -> None:
    group = f"closed-{topic}"
    allow_somebody_else(kafka.bootstrap, ResourceType.GROUP, group)
    given = as_reader(**{"kafka.group": group})
    found = checks(kafka.sasl_bootstrap, topic, TO_DUCKDB.format(folder=tmp_path), **given)
    check = found[f"group {group}"]
    assert (check.verdict, f"--group '{group}'" in check.text) == ("bad", True), check.text


def test_records_of_the_future_are_odd(kafka, topic, tmp_path) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    producer.produce(topic, b"{}", timestamp=int((time.time() + 3_000) * 1000))
    assert producer.flush(30) == 0
    check = checks(kafka.bootstrap, topic, TO_DUCKDB.format(folder=tmp_path))["clock and records"]
    assert (check.verdict, "in the future" in check.text) == ("odd", True), check.text


@pytest.fixture
def poor_user(postgres_dsn, dataset) -> Iterator[str]:
    """The URL of a user who may look into a schema, and write nothing there."""
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:

        def run(sql: str) -> None:
            admin.execute(sql.encode())

        run(f'create schema "{dataset}"')
        run(f'create table "{dataset}".theirs (a int)')
        run(f"create role \"{dataset}\" login password 'poor-secret'")
        run(f'grant usage on schema "{dataset}" to "{dataset}"')
        parts = urlsplit(postgres_dsn)
        yield parts._replace(netloc=f"{dataset}:poor-secret@{parts.hostname}:{parts.port}").geturl()
        run(f'drop schema "{dataset}" cascade')
        run(f'drop owned by "{dataset}"')
        run(f'drop role "{dataset}"')


def test_rights_that_a_database_user_lacks_come_with_what_grants_them(kafka, topic, dataset, poor_user) -> None:
    found = checks(kafka.bootstrap, topic, poor_user, **{"destination.dataset": dataset})
    check = found["rights in the destination"]
    assert check.verdict == "bad"
    assert f"GRANT CREATE ON SCHEMA {dataset}" in check.text.replace('"', "")
    assert "may not select, insert, update, delete in table theirs" in check.text
    assert found["clock of the destination"].verdict == "well"


@pytest.fixture
def registry() -> Iterator[Answers]:
    with answering() as answers:
        yield answers


@pytest.mark.parametrize(
    ("status", "verdict", "text"), [(200, "well", "answers after"), (401, "bad", "refuses us"), (404, "bad", "not as")]
)
def test_the_registry_is_asked_with_its_credentials(kafka, topic, tmp_path, registry, status, verdict, text) -> None:
    registry.say("/subjects?limit=1", [], status)
    given = {"registry.url": registry.url, "registry.username": "me", "registry.password": "canary-secret"}
    check = checks(kafka.bootstrap, topic, TO_DUCKDB.format(folder=tmp_path), **given)["schema registry"]
    assert (check.verdict, text in check.text, "canary" in check.text) == (verdict, True, False), check.text
    assert registry.asked[0][1]["Authorization"].startswith("Basic ")
