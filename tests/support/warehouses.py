"""Destinations for the suites of sinks: where to connect, and what lies there."""

from __future__ import annotations

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from checkpoints.testing import PIPELINE
from sinks import Sink, SinkOptions
from sinks.sql.postgres import connect


class InPostgres:
    """A schema of a real server; it is looked at through `looking`, where a pooler stands before `dsn`."""

    def __init__(self, dsn: str, dataset: str, *, looking: str = "") -> None:
        self._dsn, self._dataset, self._looking = dsn, dataset, looking or dsn

    def connect(self, owner: str, pipeline: str = PIPELINE) -> Sink:
        return connect(self._dsn, SinkOptions(pipeline, self._dataset, owner))

    async def read(self, table: str) -> list[dict[str, object]]:
        with psycopg.connect(self._looking, options="-c TimeZone=UTC", row_factory=dict_row) as connection:
            connection.adapters.register_loader("jsonb", TextLoader)
            return connection.execute(
                sql.SQL("SELECT * FROM {}").format(sql.Identifier(self._dataset, table))
            ).fetchall()
