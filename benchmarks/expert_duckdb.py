"""The honest opponent for DuckDB: an expert's script for this one topic. Rows and offsets in one transaction."""

from __future__ import annotations

import duckdb

from benchmarks.contender import options
from benchmarks.expert import CREATE_TABLES, Chunk, stream


def load(database: duckdb.DuckDBPyConnection, chunk: Chunk) -> None:
    """Insert a chunk and its offsets, both or neither."""
    database.begin()
    for name, table in chunk.tables.items():
        database.register("arriving", table)
        database.execute(f"insert into {name} select * from arriving")
        database.unregister("arriving")
    database.executemany("insert or replace into offsets values (?, ?)", list(chunk.offsets.items()))
    database.commit()


def main() -> None:
    """Load the topic's backlog into a DuckDB file."""
    given = options(main.__doc__)
    with duckdb.connect(given.file) as database:
        for statement in CREATE_TABLES:
            database.execute(statement)
        start = dict(database.execute("select * from offsets").fetchall())
        stream(given, start, lambda chunk: load(database, chunk)).report()


if __name__ == "__main__":
    main()
