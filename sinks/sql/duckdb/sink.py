"""DuckDB: one file, one process, Arrow tables read where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import duckdb
import pyarrow as pa

from sinks.contract import Capabilities, SinkOptions
from sinks.datasets import fit_dataset
from sinks.errors import InDoubt, SinkError, Transient
from sinks.schema import Table
from sinks.sql import ddl, dml
from sinks.sql.catalog import Catalog
from sinks.sql.dialect import DUCKDB, Dialect
from sinks.sql.duckdb.catalog import DuckdbCatalog
from sinks.sql.duckdb.errors import out_of_memory, while_copying, while_opening, while_working
from sinks.sql.session import Session
from sinks.sql.sink import SqlSink
from sinks.sql.statement import Statement

_CAPABILITIES: Final = Capabilities(
    "duckdb",
    max_identifier_bytes=255,
    stores_nul_text=True,
    case_sensitive_names=False,
    single_process=True,
    reserved_datasets=frozenset({"information_schema", "pg_catalog", "system", "temp"}),
)

_INCOMING: Final = "hr_incoming"
_MEMORY: Final = ":memory:"

# All measured in docs/decisions/0003-duckdb-bulk-load.md; a URL's own parameters win over the settings. Where we only
# append, there is nothing to vacuum; and a full row group goes to the file at once, not with the commit.
_SETTINGS: Final = {
    "threads": "1",
    "preserve_insertion_order": "false",
    "max_vacuum_tasks": "0",
    "write_buffer_row_group_count": "1",
}
# Merging leaves deleted rows in row groups: without this a file of 200,000 rows is three times as large after 60
# batches that update 20,000 of them each, and goes on growing (docs/decisions/0040-merge-by-key.md).
_VACUUM: Final = "SET GLOBAL max_vacuum_tasks = 100"

_ROW_GROUP_SIZE: Final = 24_576

# DuckDB fills what it is given with blocks it may need again, so the first limit is low. A table of 1,500 columns needs
# more: where memory runs out, the limit is doubled, up to the last. A limit in the URL is left as it is.
_FIRST_LIMIT_MB: Final = 64
_LAST_LIMIT_MB: Final = 4_096

# DuckDB keeps what it knows of each row group that it wrote, some 40 KB for one of 14 columns, until the file is
# detached; the next insert reads again what it needs. Measured in docs/decisions/0003-duckdb-bulk-load.md.
_ROWS_BEFORE_RENEWAL: Final = 4_000_000

# Attached, since only then a file takes a size of row groups; and under a name of our own, since by its usual one
# (the file's) `orders.duckdb` with a dataset `orders` is "Ambiguous reference to catalog or schema".
_ATTACH: Final = f'ATTACH IF NOT EXISTS $1 AS "_hr_file" (ROW_GROUP_SIZE {_ROW_GROUP_SIZE})'
_USE: Final = 'USE "_hr_file"'
_DETACH: Final = ("USE memory", 'DETACH "_hr_file"')
_USERS: Final = "SELECT * FROM duckdb_connection_count()"
_ATTACHING: Final = Lock()  # no sink may begin to use a file that another one is about to detach


def connect(url: str, options: SinkOptions) -> SqlSink:
    """Return a sink for `duckdb:///relative.duckdb`, `duckdb:////absolute.duckdb` or `duckdb:///:memory:`.

    Parameters of the URL are DuckDB's settings: `?memory_limit=1GB&threads=4`. A `?` or `%` in the file's name is
    written `%3F` or `%25`, all else as it is.
    """
    place, _, parameters = url.partition("://")[2].partition("?")
    path = unquote(place.removeprefix("/"))  # a `#` belongs to it: no part of a file has a name of its own
    if not place.startswith("/") or not path:
        raise SinkError(
            "the URL names no DuckDB file: write duckdb:///orders.duckdb for a file in this folder, "
            "duckdb:////data/orders.duckdb for an absolute path"
        )
    options = replace(options, dataset=fit_dataset(options.dataset, _CAPABILITIES))
    return SqlSink(_Database(path, dict(parse_qsl(parameters)), options), options)


class _Database:
    """A file, or memory that lives until the sink is closed."""

    def __init__(self, path: str, settings: dict[str, str], options: SinkOptions) -> None:
        self._path = path
        self._settings = {**_SETTINGS, **settings}
        self._vacuums = "max_vacuum_tasks" in settings
        self._limit_mb = None if "memory_limit" in settings else _FIRST_LIMIT_MB
        self._dataset = options.dataset
        self._memory: duckdb.DuckDBPyConnection | None = None

    @property
    def dialect(self) -> Dialect:
        return DUCKDB

    @property
    def catalog(self) -> Catalog:
        return DuckdbCatalog()

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    def exists(self) -> bool:
        return self._path == _MEMORY or Path(self._path).exists()

    def connect(self) -> Session:
        try:
            with _ATTACHING:
                connection = self._memory.cursor() if self._memory else self._attached()
                connection.execute(_USE)
            if self._limit_mb is not None:
                connection.execute(f"SET memory_limit = '{self._limit_mb}MB'")
            connection.execute("SET TimeZone = 'UTC'")
        except duckdb.Error as error:
            raise while_opening(error, Path(self._path)) from error
        return _Session(connection, self._path, self._dataset, self._raise_limit, vacuums=self._vacuums)

    def _raise_limit(self) -> None:
        if self._limit_mb is not None:
            self._limit_mb = min(2 * self._limit_mb, _LAST_LIMIT_MB)

    def _attached(self) -> duckdb.DuckDBPyConnection:
        # Sinks of this process on one file share an instance, by its name: DuckDB opens no file twice.
        name = _MEMORY if self._path == _MEMORY else f"{_MEMORY}headrace {Path(self._path).resolve()}"
        connection = duckdb.connect(name, config={**self._beside(), **self._settings})
        try:
            connection.execute(_ATTACH, [self._path])
        except duckdb.Error:
            connection.close()
            raise
        if self._path == _MEMORY:
            self._memory = connection
            return connection.cursor()
        return connection

    def _beside(self) -> dict[str, str]:
        """Return the setting that spills beside the file, as DuckDB does by itself, and not into the current folder."""
        return {} if self._path == _MEMORY else {"temp_directory": f"{Path(self._path).resolve()}.tmp"}

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None


class _Session:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: str,
        dataset: str,
        raise_limit: Callable[[], None],
        *,
        vacuums: bool,
    ) -> None:
        self._connection = connection
        self._path = path
        self._dataset = dataset
        self._raise_limit = raise_limit
        self._vacuums = vacuums
        self._spent = ""  # why this session is of no more use
        self._interrupted = False
        self._in_transaction = False
        self._appended = 0
        self._staged: set[str] = set()  # views of Arrow tables; a transaction that is rolled back takes them along

    def execute(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        self._check_alive()
        if statement.text == "BEGIN" and self._appended > _ROWS_BEFORE_RENEWAL:
            self._renew()
        try:
            rows = self._connection.execute(statement.text, statement.parameters).fetchall()
        except duckdb.Error as error:
            raise self._map_error(error, while_working) from error
        self._in_transaction = self._in_transaction or statement.text == "BEGIN"
        return rows

    def copy(self, dataset: str, table: Table, data: pa.Table) -> int:
        self._check_alive()
        self._connection.register(_INCOMING, data)
        try:
            statement = dml.insert_from(_INCOMING, dataset, table.name, tuple(data.column_names))
            ((stored,),) = self._connection.execute(statement.text).fetchall()
        except duckdb.Error as error:
            raise self._map_error(error, while_copying) from error  # the view goes with the transaction
        self._connection.unregister(_INCOMING)
        self._appended += data.num_rows
        return int(stored)

    def stage(self, table: Table, data: pa.Table) -> None:
        self._check_alive()
        if not self._vacuums:
            self._connection.execute(_VACUUM)
            self._vacuums = True
        self._connection.register(table.name, data)
        self._staged.add(table.name)
        self._appended += data.num_rows

    def make_scratch(self, table: Table) -> None:
        self.execute(ddl.create_scratch(DUCKDB, table))
        self.execute(dml.delete_all("temp", table.name))  # here a commit does not empty it

    def query(self, sql: str) -> pa.Table:
        self._check_alive()
        try:
            self._connection.execute(ddl.use_dataset(DUCKDB, self._dataset).text)
            answer: pa.Table = self._connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise self._map_error(error, while_working) from error
        return answer

    def batches(self, sql: str, max_rows: int) -> Iterator[pa.Table]:
        self._check_alive()
        try:
            self._connection.execute(ddl.use_dataset(DUCKDB, self._dataset).text)
            reader = self._connection.sql(sql).to_arrow_reader(max_rows)
            yield reader.schema.empty_table()
            for batch in reader:
                yield pa.Table.from_batches([batch])
        except duckdb.Error as error:
            raise self._map_error(error, while_working) from error

    def send_commit(self) -> None:
        # There is no wire: DuckDB writes and syncs its log before it answers.
        try:
            for name in self._staged:
                self._connection.unregister(name)
            self._staged.clear()
            self.execute(Statement("COMMIT"))
        except SinkError as error:
            raise InDoubt(f"commit: {error}") from error
        self._in_transaction = False

    def await_commit(self) -> None:
        pass

    def rollback(self) -> None:
        if self._spent:
            raise Transient(f"{self._path}: {self._spent}")
        if self._in_transaction:
            self._in_transaction = False
            self._staged.clear()
            self.execute(Statement("ROLLBACK"))

    def interrupt(self) -> None:
        self._interrupted = True
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def _renew(self) -> None:
        """Attach the file anew, if nobody else in this process uses it: DuckDB lets go of what it kept of it."""
        self._appended = 0
        self._spent = "opening the file again"
        try:
            with _ATTACHING:
                if self._path != _MEMORY and self._connection.execute(_USERS).fetchall() == [(1,)]:
                    for statement in _DETACH:
                        self._connection.execute(statement)
                    self._connection.execute(_ATTACH, [self._path])
                    self._connection.execute(_USE)
        except duckdb.Error as error:
            raise self._map_error(error, while_working) from error
        self._spent = ""

    def _map_error(self, error: duckdb.Error, meaning: Callable[[Exception, str], SinkError]) -> SinkError:
        if out_of_memory(error):
            self._spent = "connecting again, with more memory"
            self._raise_limit()
        return meaning(error, self._path)

    def _check_alive(self) -> None:
        if self._interrupted:
            raise Transient(f"{self._path}: interrupted, since the sink is being closed")
