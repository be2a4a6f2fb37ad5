"""Reading PostgreSQL back through a cursor: its rows as Arrow tables of one schema, whatever a batch holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
import pyarrow as pa

from sinks.schema import TIMESTAMP
from sinks.sql.statement import Statement

_CURSOR: Final = '"hr_reading"'
_BY_OID: Final[Mapping[int, pa.DataType]] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: TIMESTAMP.arrow,
}
_NUMERIC: Final = 1700
_DIGITS: Final = 38


def begin(use_dataset: Statement, sql: str) -> Iterator[Statement]:
    """Yield the statements that open the cursor for a query, in a transaction that may wait for its reader."""
    yield Statement("BEGIN READ ONLY")
    yield Statement("SET LOCAL idle_in_transaction_session_timeout = 0")
    yield use_dataset
    yield Statement(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {sql}")


def fetch(max_rows: int) -> Statement:
    """Return the statement for the next rows."""
    return Statement(f"FETCH FORWARD {max_rows:d} FROM {_CURSOR}")


def to_table(columns: Sequence[psycopg.Column], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows as a table whose types follow from the columns alone."""
    fields = [pa.field(column.name, _type(column)) for column in columns]
    arrays = [_array([row[index] for row in rows], field.type) for index, field in enumerate(fields)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _type(column: psycopg.Column) -> pa.DataType:
    if column.type_code == _NUMERIC and column.precision and column.precision <= _DIGITS:
        return pa.decimal128(column.precision, column.scale or 0)
    return _BY_OID.get(column.type_code, pa.string())


def _array(values: list[Any], kind: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_string(kind):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, kind)
