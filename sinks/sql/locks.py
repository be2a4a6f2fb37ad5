"""Advisory locks that keep writers of one dataset apart until their transaction ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeAlias

import sqlalchemy as sa

from sinks.sql.statement import Statement, render

Kind: TypeAlias = Callable[..., Statement]
_SESSION: Final = ("pid", "usename", "application_name", "state", "wait_event", "query_start")


def exclusive(*names: str) -> Statement:
    """Return the statement that waits until nobody holds the lock of these names, and takes it."""
    return render(sa.select(sa.func.pg_advisory_xact_lock(_key(names))))


def shared(*names: str) -> Statement:
    """Return the statement that waits until nobody holds that lock exclusively, and takes it beside others."""
    return render(sa.select(sa.func.pg_advisory_xact_lock_shared(_key(names))))


def end_overdue() -> Statement:
    """Return the statement that ends every session of ours that waits in a COPY past its statement timeout.

    PostgreSQL does not end a COPY whose client sends nothing: a frozen process would keep its locks for ever.
    """
    sessions = sa.table("pg_stat_activity", *map(sa.column, _SESSION), schema="pg_catalog").c
    overdue = sa.func.clock_timestamp() - sa.cast(sa.func.current_setting("statement_timeout"), sa.Interval)
    return render(
        sa.select(sa.func.pg_terminate_backend(sessions.pid)).where(
            sessions.usename == sa.func.current_user(),
            sessions.application_name.like("headrace %"),
            sessions.state == "active",
            sessions.wait_event == "ClientRead",
            sessions.query_start < overdue,
        )
    )


def _key(names: tuple[str, ...]) -> sa.Cast[int]:
    digest = hashlib.blake2b("\0".join(("headrace", *names)).encode(), digest_size=8).digest()
    return sa.cast(int.from_bytes(digest, "big", signed=True), sa.BigInteger)
