"""A schema that drifts while loads are slow: what is prepared ahead never asks for what is not applied yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support import events
from support.destinations import duckdb_file, postgres
from support.service import running

DRIFT = (
    {"n": 1}, {"n": 2, "discount": 1}, {"n": 3, "discount": 1.5}, {"n": 4, "lines": [{"q": 1}]},
    {"n": 5, "lines": [{"q": 1.5}]}, {"n": "six"}, {"n": 7.5}, {"n": 2**70}, {"new": 1}, {"new": 2**70}, {"new": 0.5},
)  # fmt: skip
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
