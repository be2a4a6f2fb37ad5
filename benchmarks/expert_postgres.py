"""The honest opponent for PostgreSQL: an expert's script for this one topic. COPY of CSV, offsets in the commit."""

from __future__ import annotations

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from benchmarks.contender import options
from benchmarks.expert import CREATE_TABLES, Chunk, stream

SAVE_OFFSET = (
    "insert into offsets values (%s, %s) on conflict (kafka_partition) do update set next_offset = excluded.next_offset"
)


def load(database: psycopg.Connection, chunk: Chunk) -> None:
    """Copy a chunk and save its offsets, both or neither."""
    with database.transaction(), database.cursor() as cursor:
        for name, table in chunk.tables.items():
            copy_in(cursor, name, table)
        cursor.executemany(SAVE_OFFSET, list(chunk.offsets.items()))


def copy_in(cursor: psycopg.Cursor, name: str, table: pa.Table) -> None:
    """Append a table's rows through COPY."""
    text = pa.BufferOutputStream()
    csv.write_csv(table, text, csv.WriteOptions(include_header=False))
    with cursor.copy(sql.SQL("copy {} from stdin (format csv)").format(sql.Identifier(name))) as copy:
        copy.write(text.getvalue())


def main() -> None:
    """Load the topic's backlog into a PostgreSQL database."""
    given = options(main.__doc__)
    with psycopg.connect(given.to, autocommit=True) as database:
        for statement in CREATE_TABLES:
            database.execute(statement)
        start = dict(database.execute("select * from offsets").fetchall())
        stream(given, start, lambda chunk: load(database, chunk)).report()


if __name__ == "__main__":
    main()
