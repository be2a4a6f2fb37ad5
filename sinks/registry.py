"""Which sink answers to which URL scheme: ours, and those that installed packages bring along.

A package adds a sink by an entry point of group `headrace.sinks`: its name is the scheme, its object a function
`connect(url, options) -> Sink`. Nothing is imported before a URL asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeAlias

from sinks.contract import Sink, SinkOptions
from sinks.errors import SinkError

Connect: TypeAlias = Callable[[str, SinkOptions], Sink]

GROUP: Final = "headrace.sinks"

# The same as in pyproject.toml, for a checkout that is not installed.
BUILTIN: Final[Mapping[str, str]] = {
    "memory": "sinks.memory:connect",
    "duckdb": "sinks.sql.duckdb:connect",
    "postgresql": "sinks.sql.postgres:connect",
    "postgres": "sinks.sql.postgres:connect",
}

EXTRAS: Final[Mapping[str, str]] = {"duckdb": "duckdb", "postgresql": "postgres", "postgres": "postgres"}


def schemes() -> tuple[str, ...]:
    """Return all URL schemes that have a sink, sorted."""
    return tuple(sorted(_registered()))


def connect(url: str, options: SinkOptions) -> Sink:
    """Return the sink for `url`, not yet opened: `duckdb:///orders.duckdb`, `postgresql+psycopg://user@host/db`.

    What stands before `+` is the scheme. Raises `SinkError` for an unknown one, and for a driver that is not installed.
    No message holds more of the URL than its scheme: the rest may be secret.
    """
    registered = _registered()
    scheme = _scheme(url)
    if scheme not in registered:
        raise SinkError(_unknown(scheme, sorted(registered)))
    return _load(registered[scheme])(url, options)


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    name = scheme.partition("+")[0].lower()
    if not separator or not name.replace("-", "").replace(".", "").isalnum():
        raise SinkError(
            "the destination is no URL: write scheme://..., as in duckdb:///orders.duckdb or "
            f"postgresql://user@host:5432/database; there are sinks for {', '.join(schemes())}"
        )
    return name


def _unknown(scheme: str, known: list[str]) -> str:
    close = get_close_matches(scheme, known, n=1)
    hint = f"; did you mean {close[0]}://?" if close else ""
    return f"no sink for {scheme}://{hint} (there are {', '.join(known)})"


def _registered() -> dict[str, EntryPoint]:
    found = [EntryPoint(scheme, value, GROUP) for scheme, value in BUILTIN.items()]
    by_scheme: dict[str, EntryPoint] = {}
    for point in (*found, *_installed(tuple(sys.path))):
        known = by_scheme.setdefault(point.name, point)
        if known.value != point.value:
            raise SinkError(
                f"two packages register a sink for {point.name}://: {known.value} and {point.value}; "
                "uninstall one of them"
            )
    return by_scheme


@lru_cache(maxsize=4)
def _installed(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what packages on `path` register; it reads a file of each, so a process asks once."""
    return tuple(entry_points(group=GROUP))


def _load(point: EntryPoint) -> Connect:
    try:
        sink: Connect = point.load()
    except ImportError as error:
        extra = EXTRAS.get(point.name)
        remedy = f"pip install 'headrace[{extra}]'" if extra else f"install what {point.value} needs"
        raise SinkError(f"{point.name}:// lacks a package ({error}): {remedy}") from error
    return sink
