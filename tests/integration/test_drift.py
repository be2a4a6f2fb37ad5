"""A schema that drifts while loads are slow: what is prepared ahead never asks for what is not applied yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from support import events
from support.destinations import duckdb_file, postgres
from support.service import running

DRIFT = (
    {"n": 1}, {"n": 2, "discount": 1}, {"n": 3, "discount": 1.5}, {"n": 4, "lines": [{"q": 1}]},
    {"n": 5, "lines": [{"q": 1.5}]}, {"n": "six"}, {"n": 7.5}, {"n": 2**70}, {"new": 1}, {"new": 2**70}, {"new": 0.5},
)  # fmt: skip
MANY_ROWS = 2_000_000  # more than PostgreSQL rewrites in a second
ONE_BY_ONE = {"HEADRACE__BATCHING__MAX_ROWS": "1", "HEADRACE__TABLES__NAME_TEMPLATE": "orders"}


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_a_drifting_schema_over_a_slow_destination_ends_nothing(
    kafka, topic: Callable[..., str], postgres_dsn: str, dataset: str, tmp_path: Path, kind: str
) -> None:
    file, name = tmp_path / "drift.duckdb", topic()
    url, query = (
        (f"duckdb:///{file}", duckdb_file(file)) if kind == "duckdb" else (postgres_dsn, postgres(postgres_dsn))
    )
    events.produce(kafka.bootstrap, name, [json.dumps(event).encode() for event in DRIFT])
    args = ("--brokers", kafka.bootstrap, "--topic", name, "--to", url, "--dataset", dataset, "--until", "latest")
    with running(*args, env=ONE_BY_ONE, failpoints="load.after_copy=delay:0.2") as service:
        assert service.wait() == 0, service.log
    landed = query(f'select _kafka_offset from "{dataset}".orders order by 1')
    assert landed == [(offset,) for offset in range(len(DRIFT))]
    assert query(f'select count(*) from "{dataset}"._hr_rejects') == [(0,)]


def test_a_column_that_takes_longer_to_widen_than_a_statement_may_gets_a_variant(
    kafka, topic: Callable[..., str], postgres_dsn: str, dataset: str
) -> None:
    name, query = topic(), postgres(postgres_dsn)
    args = ("--brokers", kafka.bootstrap, "--topic", name, "--to", postgres_dsn, "--dataset", dataset)
    env = {
        **ONE_BY_ONE,
        "HEADRACE__TABLES__WIDEN_ROWS": "100000000",
        "HEADRACE__DESTINATION__STATEMENT_TIMEOUT_SECONDS": "1",
    }
    events.produce(kafka.bootstrap, name, [b'{"n": 1}'])
    with running(*args, "--until", "latest", env=env) as service:
        assert service.wait() == 0, service.log
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(
            f"""insert into "{dataset}".orders (_hr_id, _hr_load_id, n)
            select i::text, 'many', i from generate_series(1, {MANY_ROWS}) i""".encode()
        )
    events.produce(kafka.bootstrap, name, [b'{"n": 0.5}'])
    with running(*args, "--until", "latest", env=env) as service:
        assert service.wait() == 0, service.log
    assert query(f'select n, n__v_double from "{dataset}".orders where _kafka_offset = 1') == [(None, 0.5)]
