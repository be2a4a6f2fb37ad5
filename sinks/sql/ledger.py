"""Statements on the ledger: what was loaded, and by which schema. Pure; the sink sends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from sinks.document import to_document, version_hash
from sinks.ledger import LoadRow
from sinks.schema import Schema
from sinks.sql import ddl
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, chunked, render
from sinks.sql.system import KEYS, LOADS, SCHEMAS, STATE, TABLES

_EVERYBODY: Final = ""  # the pipeline of a state that all share
_MERGE_TURN: Final = "merge_turn"


class Ledger:
    """Loads and schemas of one dataset, and one method for each statement that reads or writes them."""

    def __init__(self, dialect: Dialect, dataset: str) -> None:
        self._dialect = dialect
        self._dataset = dataset
        self._loads = ddl.table_of(dialect, dataset, TABLES[LOADS], KEYS[LOADS])
        self._schemas = ddl.table_of(dialect, dataset, TABLES[SCHEMAS], KEYS[SCHEMAS])
        self._state = ddl.table_of(dialect, dataset, TABLES[STATE], KEYS[STATE])
        self._newest_version = render(sa.select(sa.func.coalesce(sa.func.max(self._schemas.c.version), 0)))

    def create(self) -> tuple[Statement, ...]:
        """Return the statements that create the system tables where they are missing."""
        return tuple(
            ddl.create_system_table(self._dialect, self._dataset, table, KEYS[name]) for name, table in TABLES.items()
        )

    def dataset_exists(self) -> Statement:
        """Return the query that gives a row when the dataset is there."""
        spaces = sa.table("pg_namespace", sa.column("nspname"), schema="pg_catalog")
        return render(sa.select(spaces.c.nspname).where(spaces.c.nspname == self._dataset))

    def has_schemas(self) -> Statement:
        """Return the query that gives a row when schemas were stored in the dataset at some time."""
        tables = sa.table("tables", sa.column("table_schema"), sa.column("table_name"), schema="information_schema")
        ours = (tables.c.table_schema == self._dataset) & (tables.c.table_name == SCHEMAS)
        return render(sa.select(tables.c.table_name).where(ours))

    def record(self, rows: Sequence[LoadRow]) -> tuple[Statement, ...]:
        """Return the inserts of what a load did, one for each thousand rows, all for the same transaction.

        They return a row for each that was new (none: the load had landed).
        """
        return tuple(self._record(some) for some in chunked(rows))

    def _record(self, rows: Sequence[LoadRow]) -> Statement:
        values = [{**asdict(row), "committed_at": sa.func.now()} for row in rows]
        statement = insert(self._loads).values(values).on_conflict_do_nothing()
        return render(statement.returning(self._loads.c.load_id))

    def is_committed(self, load_id: str) -> Statement:
        """Return the query that gives a row when the load of that id is in the ledger."""
        loads = self._loads.c
        return render(sa.select(loads.load_id).where(loads.load_id == load_id).limit(1))

    def create_turn(self) -> Statement:
        """Return the insert of the row that `take_turn` changes, where it is missing."""
        row = {"pipeline": _EVERYBODY, "key": _MERGE_TURN, "document": "", "updated_at": sa.func.now()}
        return render(insert(self._state).values(row).on_conflict_do_nothing())

    def take_turn(self) -> Statement:
        """Return an update that lets only one of two transactions that send it commit, for want of advisory locks.

        The value must differ: DuckDB leaves out an update that changes nothing.
        """
        state = self._state.c
        turn = sa.update(self._state).where(state.pipeline == _EVERYBODY, state.key == _MERGE_TURN)
        return render(turn.values(document=sa.cast(sa.func.gen_random_uuid(), sa.Text), updated_at=sa.func.now()))

    def newest_version(self) -> Statement:
        """Return the query for the newest version of the schema, 0 when there is none."""
        return self._newest_version  # asked with each load

    def newest_schema(self) -> Statement:
        """Return the query for version and document of the newest schema."""
        stored = self._schemas.c
        return render(sa.select(stored.version, stored.document).order_by(stored.version.desc()).limit(1))

    def store_schema(self, schema: Schema, pipeline: str) -> Statement:
        """Return the insert of a new version; the primary key refuses one that exists."""
        return render(
            sa.insert(self._schemas).values(
                version=schema.version,
                version_hash=version_hash(schema),
                document=to_document(schema),
                pipeline=pipeline,
                created_at=sa.func.now(),
            )
        )
