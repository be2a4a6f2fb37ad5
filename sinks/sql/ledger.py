"""Statements on the ledger: what was loaded, and by which schema. Pure; the sink sends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from sinks.changes import AddColumn
from sinks.document import to_document, version_hash
from sinks.ledger import LoadRow
from sinks.schema import Kind, Schema
from sinks.sql import ddl
from sinks.sql.catalog import FoundColumn
from sinks.sql.dialect import Dialect
from sinks.sql.statement import Statement, Template, render, rows_of, template
from sinks.sql.system import KEYS, LOADS, SCHEMAS, STATE, TABLES

_EVERYBODY: Final = ""  # the pipeline of a state that all share
_MERGE_TURN: Final = "merge_turn"

_SQL_TYPES: Final[Mapping[Kind, Any]] = {"text": sa.Text, "bigint": sa.BigInteger, "bool": sa.Boolean}
_FACTS: Final[Mapping[str, Any]] = {
    field.name: _SQL_TYPES[TABLES[LOADS].columns[field.name].type.kind] for field in fields(LoadRow)
}


class Ledger:
    """Loads and schemas of one dataset, and one method for each statement that reads or writes them."""

    def __init__(self, dialect: Dialect, dataset: str) -> None:
        self._dialect = dialect
        self._dataset = dataset
        self._loads = ddl.table_of(dialect, dataset, TABLES[LOADS], KEYS[LOADS])
        self._schemas = ddl.table_of(dialect, dataset, TABLES[SCHEMAS], KEYS[SCHEMAS])
        self._state = ddl.table_of(dialect, dataset, TABLES[STATE], KEYS[STATE])

    def create(self) -> tuple[Statement, ...]:
        """Return the statements that create the system tables where they are missing."""
        return tuple(
            ddl.create_system_table(self._dialect, self._dataset, table, KEYS[name]) for name, table in TABLES.items()
        )

    def upgrade(self, found: Iterable[FoundColumn]) -> tuple[Statement, ...]:
        """Return the statements that add what the system tables of an older version lack; `found`: what they have."""
        live = {(table, column) for table, column, *_ in found}
        return tuple(
            statement
            for table in TABLES.values()
            for column in table.columns.values()
            if (table.name, column.name) not in live
            for statement in ddl.alter(self._dialect, self._dataset, AddColumn(table.name, column))
        )

    def record(self, rows: Sequence[LoadRow]) -> Statement:
        """Return the insert of what a load did. It returns a row for each that was new (none: the load had landed)."""
        return self._record.fill(**{name: [getattr(row, name) for row in rows] for name in _FACTS})

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

    @cached_property
    def _newest_version(self) -> Statement:
        return render(sa.select(sa.func.coalesce(sa.func.max(self._schemas.c.version), 0)))

    @cached_property
    def _record(self) -> Template:
        did = rows_of("did", _FACTS)
        columns = {**{name: did.c[name] for name in _FACTS}, "committed_at": sa.func.now()}
        statement = insert(self._loads).from_select(list(columns), sa.select(*columns.values()))
        return template(statement.on_conflict_do_nothing().returning(self._loads.c.load_id))

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
