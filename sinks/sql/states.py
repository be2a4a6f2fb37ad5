"""Statements on `_hr_state`: what a pipeline remembers beside its positions. Pure; the sink sends them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from sinks.sql import ddl
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, render
from sinks.sql.system import KEYS, STATE, TABLES


class States:
    """The states of all pipelines of one dataset."""

    def __init__(self, dialect: Dialect, dataset: str) -> None:
        self._states = ddl.table_of(dialect, dataset, TABLES[STATE], KEYS[STATE])

    def all_of(self, pipeline: str) -> Statement:
        """Return the query for key and document of all that `pipeline` remembers."""
        s = self._states.c
        return render(sa.select(s.key, s.document).where(s.pipeline == pipeline))

    def store(self, pipeline: str, documents: Mapping[str, str]) -> tuple[Statement, ...]:
        """Return the statements that put `documents` in the place of those with the same keys."""
        return tuple(self._store(pipeline, key, document) for key, document in documents.items())

    def _store(self, pipeline: str, key: str, document: str) -> Statement:
        row = {"pipeline": pipeline, "key": key, "document": document, "updated_at": sa.func.now()}
        statement = insert(self._states).values(row)
        newer = {"document": statement.excluded.document, "updated_at": statement.excluded.updated_at}
        return render(statement.on_conflict_do_update(index_elements=["pipeline", "key"], set_=newer))
