"""PostgreSQL passes the suite of all sinks."""

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from checkpoints.testing import PIPELINE
from sinks import Sink, SinkOptions
from sinks.sql.postgres import connect
from sinks.testing import AuditContract, Cut, PreviewContract, SinkContract, Warehouse
from support.cuts import cut_at


class InPostgres:
    """A schema of a real server."""

    def __init__(self, dsn: str, dataset: str) -> None:
        self._dsn, self._dataset = dsn, dataset

    def connect(self, owner: str, pipeline: str = PIPELINE) -> Sink:
        return connect(self._dsn, SinkOptions(pipeline, self._dataset, owner))

    async def read(self, table: str) -> list[dict[str, object]]:
        with psycopg.connect(self._dsn, options="-c TimeZone=UTC", row_factory=dict_row) as connection:
            connection.adapters.register_loader("jsonb", TextLoader)
            return connection.execute(
                sql.SQL("SELECT * FROM {}").format(sql.Identifier(self._dataset, table))
            ).fetchall()


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
