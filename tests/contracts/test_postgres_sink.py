"""PostgreSQL passes the suite of all sinks."""

import pytest

from sinks.testing import AuditContract, Cut, PreviewContract, SinkContract, Warehouse
from support.cuts import cut_at
from support.warehouses import InPostgres


class TestPostgresSink(SinkContract, PreviewContract):
    @pytest.fixture
    def warehouse(self, postgres_dsn: str, dataset: str) -> Warehouse:
        return InPostgres(postgres_dsn, dataset)

    @pytest.fixture
    def lose_request(self, monkeypatch: pytest.MonkeyPatch) -> Cut:
        return cut_at("commit.before_send", monkeypatch)

    @pytest.fixture
    def lose_answer(self, monkeypatch: pytest.MonkeyPatch) -> Cut:
        return cut_at("commit.after_send", monkeypatch)


class TestPostgresAudit(AuditContract):
    @pytest.fixture
    def warehouse(self, postgres_dsn: str, dataset: str) -> Warehouse:
        return InPostgres(postgres_dsn, dataset)
