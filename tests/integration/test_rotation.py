"""Passwords in mounted files that are rotated under a running service: it goes on, and nobody restarts anything."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from support import events
from support.place import Place, on_postgres
from support.service import wait_until


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def log_in_again(dsn: str, role: str) -> None:
    execute(dsn, f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'")


@pytest.fixture
def place(kafka, topic, postgres_dsn, dataset) -> Place:
    """A place whose user has no password in its URL."""
    execute(postgres_dsn, f"create role {dataset} login password 'old-secret'")
    execute(postgres_dsn, f"create schema {dataset} authorization {dataset}")
    parts = urlsplit(postgres_dsn)
    url = urlunsplit(parts._replace(netloc=f"{dataset}@{parts.hostname}:{parts.port}"))
    direct = on_postgres(kafka.bootstrap, topic(), postgres_dsn, dataset)
    return Place(direct.bootstrap, direct.topic, url, dataset, direct.query)


def test_a_password_of_postgresql_that_is_rotated_is_read_again_also_when_its_file_comes_late(
    place, postgres_dsn, tmp_path: Path
):
    secret = tmp_path / "password"
    secret.write_text("old-secret\n")
    with place.with_settings(destination__password_file=str(secret)).running() as life:
        events.produce(place.bootstrap, place.topic, events.orders(100, seed=1))
        place.until_caught_up(life)
        execute(postgres_dsn, f"alter role {place.dataset} password 'new-secret'")
        log_in_again(postgres_dsn, place.dataset)
        events.produce(place.bootstrap, place.topic, events.orders(100, seed=2))
        life.until(lambda: "its file is read again" in life.log)
        secret.write_text("new-secret\n")
        place.until_caught_up(life)
        assert "-secret" not in life.log
        life.drain()
    place.judged()


@pytest.mark.slow
@pytest.mark.xdist_group("own servers")
def test_a_password_of_kafka_that_is_rotated_is_read_again_when_the_broker_comes_back(
    own_kafka, topic, dataset, postgres_dsn, tmp_path: Path
):
    address, secret = own_kafka.address, tmp_path / "password"
    admin = AdminClient({"bootstrap.servers": address.bootstrap})
    rotate(admin, "old-secret")
    secret.write_text("old-secret")
    name = events.fresh_topic(address.bootstrap, "orders", partitions=1)
    plain = on_postgres(address.bootstrap, name, postgres_dsn, dataset)
    place = Place(address.sasl_bootstrap, name, postgres_dsn, dataset, plain.query).with_settings(
        kafka__security__mechanism="SCRAM-SHA-512", kafka__security__username="rotating",
        kafka__security__password_file=str(secret),
    )  # fmt: skip
    with place.running() as life:
        events.produce(address.bootstrap, name, events.orders(100, seed=1))
        plain.until_caught_up(life)
        rotate(admin, "new-secret")
        own_kafka.restart()
        events.produce(address.bootstrap, name, events.orders(100, seed=2))
        secret.write_text("new-secret")
        wait_until(lambda: plain.position() == {0: 200}, seconds=120, tell=lambda: life.log)
        assert "-secret" not in life.log
        life.drain()
    plain.judged()


def rotate(admin: AdminClient, password: str) -> None:
    """Give the user `rotating` another password."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion("rotating", info, password.encode())
    for answer in admin.alter_user_scram_credentials([change]).values():
        answer.result(30)
