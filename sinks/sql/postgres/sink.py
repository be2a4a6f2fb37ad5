"""PostgreSQL, over psycopg: COPY inside the transaction that also holds ledger and positions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final, cast

import psycopg
import pyarrow as pa
from psycopg import conninfo, pq
from psycopg.pq.abc import PGresult
from psycopg.types.string import TextLoader

from sinks.contract import Capabilities, SinkOptions
from sinks.datasets import fit_dataset
from sinks.errors import InDoubt, SinkError, Transient
from sinks.schema import Table
from sinks.sql import ddl, dml
from sinks.sql.catalog import Catalog
from sinks.sql.dialect import POSTGRES, Dialect
from sinks.sql.postgres import reading
from sinks.sql.postgres.binary_chunks import binary_chunks, has_binary_form
from sinks.sql.postgres.catalog import PostgresCatalog
from sinks.sql.postgres.connection import Connection, shut_down
from sinks.sql.postgres.csv_chunks import csv_chunks
from sinks.sql.postgres.errors import Server, while_connecting, while_copying, while_working
from sinks.sql.postgres.refusal import refusal_code
from sinks.sql.postgres.settings import local_settings
from sinks.sql.postgres.sqlstate import classify, settles_commit
from sinks.sql.session import Session
from sinks.sql.sink import SqlSink
from sinks.sql.statement import Statement

# Names of columns and schemas: PostgreSQL documentation, "System Columns" and CREATE SCHEMA.
_CAPABILITIES: Final = Capabilities(
    "postgres",
    max_identifier_bytes=63,
    max_columns=1_500,
    stores_nul_text=False,
    reserved_columns=frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}),
    reserved_datasets=frozenset({"information_schema"}),
    reserved_dataset_prefix="pg_",
)

# A dead peer is noticed after about 30 seconds, an unanswered write after as long.
_KEEPALIVES: Final = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
_CANCEL_SECONDS: Final = 2.0
_WRONG_PASSWORD: Final = "28P01"  # noqa: S105  # a SQLSTATE

# SQLAlchemy's way to name the driver in a URL, which libpq does not know.
_PSYCOPG: Final = re.compile(r"^(\w+)\+\w+://")


def connect(url: str, options: SinkOptions) -> SqlSink:
    """Return a sink for `postgresql://user:password@host:5432/database?sslmode=require`, or `postgres://`.

    The URL and its parameters are libpq's.
    """
    try:
        parameters = conninfo.conninfo_to_dict(_PSYCOPG.sub(r"\1://", url))
    except psycopg.ProgrammingError as error:
        # The driver's text may quote the URL, and with it the password: it is left out.
        raise SinkError(
            "libpq cannot read the PostgreSQL URL: write postgresql://user@host:5432/database, "
            "with parameters that libpq knows, as in ?sslmode=require"
        ) from error
    options = replace(options, dataset=fit_dataset(options.dataset, _CAPABILITIES))
    return SqlSink(_Database(cast("dict[str, Any]", parameters), options), options)


class _Database:
    """A server and a database in it."""

    def __init__(self, parameters: dict[str, Any], options: SinkOptions) -> None:
        self._options = options
        self._server = Server.of(parameters)
        self._was_open = False
        self._parameters = {
            "application_name": f"headrace {options.pipeline}",
            **_KEEPALIVES,
            **parameters,
            "connect_timeout": max(2, math.ceil(options.connect_timeout_seconds)),  # libpq takes less than 2 for 2
            "client_encoding": "utf8",
        }

    @property
    def dialect(self) -> Dialect:
        return POSTGRES

    @property
    def catalog(self) -> Catalog:
        return PostgresCatalog()

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    def exists(self) -> bool:
        return True

    def connect(self) -> Session:
        parameters = self._parameters | self._newest_password()
        try:
            connection = Connection.connect(
                **parameters, autocommit=True, prepare_threshold=None, cursor_factory=psycopg.RawCursor
            )
        except psycopg.errors.ConnectionTimeout as error:
            raise while_connecting(str(error), None, self._server) from error
        except psycopg.Error as error:
            code = refusal_code(parameters, self._options.connect_timeout_seconds)
            refusal = while_connecting(str(error), code, self._server)
            if self._was_open and self._options.newest_url and code == _WRONG_PASSWORD:
                raise Transient(f"{refusal}; its file is read again for the next try") from error
            raise refusal from error
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            connection.close()
            raise SinkError(f"{self._server}: the database is encoded in {encoding}; headrace needs one in UTF8")
        self._was_open = True
        connection.statement_seconds = self._options.statement_timeout_seconds
        connection.adapters.register_loader("jsonb", TextLoader)
        return _Session(connection, self._server, self._options)

    def close(self) -> None:
        pass

    def _newest_password(self) -> dict[str, Any]:
        """Return the password as its file has it now, where it is in one: it may have been rotated."""
        if self._options.newest_url is None:
            return {}
        told = conninfo.conninfo_to_dict(_PSYCOPG.sub(r"\1://", self._options.newest_url()))
        return {"password": told["password"]} if "password" in told else {}


class _Session:
    def __init__(self, connection: Connection, server: Server, options: SinkOptions) -> None:
        self._connection = connection
        self._server = server
        self._use = ddl.use_dataset(POSTGRES, options.dataset)
        self._settings = local_settings(options)

    def execute(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        if statement.text.startswith("BEGIN"):
            return self._execute(Statement(f"{statement.text}; {self._settings}"))
        with self._transaction():
            return self._execute(statement)

    def _execute(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        try:
            cursor = self._connection.execute(statement.text.encode(), statement.parameters)
            return cursor.fetchall() if cursor.description else ()
        except psycopg.Error as error:
            raise self._map_error(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Be in a transaction: in the open one, else in one of its own."""
        if self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            yield
            return
        self.execute(Statement("BEGIN"))
        yield
        self._execute(Statement("COMMIT"))

    def copy(self, dataset: str, table: Table, data: pa.Table) -> int:
        columns = tuple(data.column_names)
        if has_binary_form(table):
            return self._copy(dml.copy_from(dataset, table.name, columns, "binary"), binary_chunks(table, data))
        return self._copy(dml.copy_from(dataset, table.name, columns, "csv"), csv_chunks(data))

    def stage(self, table: Table, data: pa.Table) -> None:
        # Made once a session: a temporary table for each batch would bloat the catalog.
        self.execute(ddl.create_staging(POSTGRES, table))
        self.copy("pg_temp", table, data)

    def make_scratch(self, table: Table) -> None:
        self.execute(ddl.create_staging(POSTGRES, table))  # the last commit, or rollback, has emptied it

    def _copy(self, statement: Statement, chunks: Iterator[bytes | memoryview]) -> int:
        under_way, cursor = False, self._connection.cursor()
        try:
            with cursor.copy(statement.text.encode()) as copy:
                under_way = True
                for chunk in chunks:
                    copy.write(chunk)
        except psycopg.Error as error:
            raise (while_copying(error, self._server) if under_way else self._map_error(error)) from error
        return cursor.rowcount

    def query(self, sql: str) -> pa.Table:
        with self._transaction():
            self._execute(self._use)
            try:
                cursor = self._connection.execute(sql.encode())
            except psycopg.Error as error:
                raise self._map_error(error) from error
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall() if names else []
        return pa.Table.from_arrays([pa.array([row[i] for row in rows]) for i in range(len(names))], names)

    def batches(self, sql: str, max_rows: int) -> Iterator[pa.Table]:
        for statement in reading.begin(self._use, sql):
            self.execute(statement)
        while True:
            try:
                cursor = self._connection.execute(reading.fetch(max_rows).text.encode())
            except psycopg.Error as error:
                raise self._map_error(error) from error
            rows = cursor.fetchall()
            yield reading.to_table(cursor.description or (), rows)
            if len(rows) < max_rows:
                return

    def send_commit(self) -> None:
        # By hand, since the driver's commit() sends and waits in one: a test must be able to stand between the two.
        wire = self._connection.pgconn
        try:
            wire.send_query(b"COMMIT")
            while wire.flush():
                pass
        except psycopg.Error as error:
            raise InDoubt(f"{self._server}: the connection broke during a commit") from error

    def await_commit(self) -> None:
        wire = self._connection.pgconn
        try:
            self._connection.wait_for_answer()
            result = wire.get_result()
            while wire.get_result() is not None:
                pass
        except psycopg.Error as error:
            raise InDoubt(f"{self._server}: the connection broke during a commit") from error
        if result is None or result.status != pq.ExecStatus.COMMAND_OK:
            raise _failed_commit(result, self._server)
        if result.command_status == b"ROLLBACK":
            raise Transient(f"{self._server}: the server rolled the transaction back instead of committing it")

    def rollback(self) -> None:
        if self._connection.closed or self._connection.broken:
            raise Transient(f"{self._server}: the connection is gone")
        if self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            self.execute(Statement("ROLLBACK"))

    def interrupt(self) -> None:
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
        with suppress(OSError, psycopg.Error):
            shut_down(self._connection.fileno())

    def close(self) -> None:
        self._connection.close()

    def _map_error(self, error: psycopg.Error) -> SinkError:
        return while_working(error, self._server, self._connection.info.transaction_status)


def _failed_commit(result: PGresult | None, server: Server) -> SinkError:
    code = result.error_field(pq.DiagnosticField.SQLSTATE) if result else None
    text = result.error_message.decode(errors="replace").strip() if result else ""
    if settles_commit(state := code.decode() if code else None):
        return classify(state, f"{server}: {text}")
    return InDoubt(f"{server}: the connection broke during a commit")
