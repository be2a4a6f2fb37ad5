"""PostgreSQL behind PgBouncer in transaction mode, where each transaction may meet another session: the same suite."""

import pytest

from sinks.testing import Cut, SinkContract, Warehouse
from support.cuts import cut_at
from support.warehouses import InPostgres


class TestSinkBehindPgbouncer(SinkContract):
    @pytest.fixture
    def warehouse(self, pooled_dsn: str, postgres_dsn: str, dataset: str) -> Warehouse:
        return InPostgres(pooled_dsn, dataset, looking=postgres_dsn)

    @pytest.fixture
    def lose_request(self, monkeypatch: pytest.MonkeyPatch) -> Cut:
        return cut_at("commit.before_send", monkeypatch)

    @pytest.fixture
    def lose_answer(self, monkeypatch: pytest.MonkeyPatch) -> Cut:
        # Not right after it was sent: a pooler whose client hangs up then may pass the COMMIT on, or roll back.
        return cut_at("commit.after_ack", monkeypatch)
