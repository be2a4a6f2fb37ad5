"""An empty destination for each run, and the count of what it holds afterwards."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import duckdb
import psycopg
from psycopg import sql

from benchmarks.contender import DATASET, ITEMS, ORDERS

Kind = Literal["DuckDB", "PostgreSQL", "none"]
COUNT = f"select (select count(*) from {DATASET}.{ORDERS}), (select count(*) from {DATASET}.{ITEMS})"


def fresh(kind: Kind, postgres_dsn: str) -> AbstractContextManager[str]:
    """Give the URL of an empty database that goes away after the block."""
    match kind:
        case "DuckDB":
            return _duckdb()
        case "PostgreSQL":
            return _postgres(postgres_dsn)
        case "none":
            return nullcontext("")


def rows(url: str) -> tuple[int, int]:
    """Return the count of orders and of items."""
    query: Callable[[str], tuple[int, int]] = _ask_duckdb if url.startswith("duckdb:") else _ask_postgres
    return query(url)


@contextmanager
def _duckdb() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        yield f"duckdb:///{Path(folder) / 'bench.duckdb'}"


@contextmanager
def _postgres(dsn: str) -> Iterator[str]:
    name = f"bench_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(dsn, autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        server.execute("checkpoint")  # nobody pays for what the run before has left to write
        try:
            yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _ask_duckdb(url: str) -> tuple[int, int]:
    with duckdb.connect(url.removeprefix("duckdb:///"), read_only=True) as database:
        return database.execute(COUNT).fetchall()[0]


def _ask_postgres(url: str) -> tuple[int, int]:
    with psycopg.connect(url) as database:
        return database.execute(COUNT).fetchall()[0]
