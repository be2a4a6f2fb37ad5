"""Advisory locks that keep writers of one dataset apart until their transaction ends. Cached: each load takes one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

import sqlalchemy as sa

from sinks.sql.statement import Statement, render

Kind: TypeAlias = Callable[..., Statement]
_SESSION: Final = ("pid", "datname", "usename", "state", "wait_event", "query_start")
_LOCK: Final = ("pid", "locktype", "granted", "classid", "objid", "objsubid")
_ONE_KEY: Final = 1  # `objsubid` of an advisory lock whose key is one bigint: its halves are `classid` and `objid`


@lru_cache(maxsize=256)
def exclusive(*names: str) -> Statement:
    """Return the statement that waits until nobody holds the lock of these names, and takes it."""
    return render(sa.select(sa.func.pg_advisory_xact_lock(_key(names))))


@lru_cache(maxsize=256)
def shared(*names: str) -> Statement:
    """Return the statement that waits until nobody holds that lock exclusively, and takes it beside others."""
    return render(sa.select(sa.func.pg_advisory_xact_lock_shared(_key(names))))


@lru_cache(maxsize=256)
def end_overdue(*names: str) -> Statement:
    """Return the statement that ends whoever holds the lock of these names in a COPY that waits past our own timeout.

    PostgreSQL does not end a COPY whose client sends nothing: a frozen process would keep its locks for ever. The lock
    tells who works on this dataset; writers of one dataset have one statement timeout. Without one nobody is ended.
    """
    sessions = sa.table("pg_stat_activity", *map(sa.column, _SESSION), schema="pg_catalog").c
    held = sa.table("pg_locks", *map(sa.column, _LOCK), schema="pg_catalog").c
    patience = sa.cast(sa.func.current_setting("statement_timeout"), sa.Interval)
    high, low = divmod(int.from_bytes(_digest(names), "big"), 2**32)
    return render(
        sa.select(sa.func.pg_terminate_backend(sessions.pid)).where(
            held.pid == sessions.pid,
            held.locktype == "advisory",
            held.granted,
            sa.cast(held.classid, sa.BigInteger) == high,
            sa.cast(held.objid, sa.BigInteger) == low,
            held.objsubid == _ONE_KEY,
            sessions.datname == sa.func.current_database(),
            sessions.usename == sa.func.current_user(),
            sessions.state == "active",
            sessions.wait_event == "ClientRead",
            patience > sa.cast("0", sa.Interval),
            sessions.query_start < sa.func.clock_timestamp() - patience,
        )
    )


def _key(names: tuple[str, ...]) -> sa.Cast[int]:
    return sa.cast(int.from_bytes(_digest(names), "big", signed=True), sa.BigInteger)


def _digest(names: tuple[str, ...]) -> bytes:
    return hashlib.blake2b("\0".join(("headrace", *names)).encode(), digest_size=8).digest()
