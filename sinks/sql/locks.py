"""Advisory locks that keep writers of one dataset apart until their transaction ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import sqlalchemy as sa

from sinks.sql.statement import Statement, render

Kind: TypeAlias = Callable[..., Statement]


def exclusive(*names: str) -> Statement:
    """Return the statement that waits until nobody holds the lock of these names, and takes it."""
    return render(sa.select(sa.func.pg_advisory_xact_lock(_key(names))))


def shared(*names: str) -> Statement:
    """Return the statement that waits until nobody holds that lock exclusively, and takes it beside others."""
    return render(sa.select(sa.func.pg_advisory_xact_lock_shared(_key(names))))


def _key(names: tuple[str, ...]) -> sa.Cast[int]:
    digest = hashlib.blake2b("\0".join(("headrace", *names)).encode(), digest_size=8).digest()
    return sa.cast(int.from_bytes(digest, "big", signed=True), sa.BigInteger)
