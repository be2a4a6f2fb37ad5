"""The machine that a pipeline runs on: versions and limits."""

from __future__ import annotations

import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from stream.operate.examination import Check
from stream.source.fast_records import KNOWN_VERSIONS

_ENOUGH_FILES: Final = 1_024
_PACKAGES: Final = ("headrace", "aiokafka", "pyarrow", "duckdb", "psycopg", "sqlalchemy")


def versions() -> Check:
    """Return the versions of what does the work."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    text = f"Python {sys.version.partition(' ')[0]}, {', '.join(f'{name} {number}' for name, number in found.items())}"
    if not found.get("aiokafka", "").startswith(KNOWN_VERSIONS):
        known = ", ".join(f"{start}x" for start in KNOWN_VERSIONS)
        return Check("versions", "odd", f"{text}; reading is slower than with aiokafka {known}: install that")
    return Check("versions", "well", text)


def file_limit() -> Check:
    """Return how many files may be open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _ENOUGH_FILES:
        return Check("open files", "odd", f"{soft} may be open at once: raise it to {_ENOUGH_FILES}, ulimit -n")
    return Check("open files", "well", "any number may be open" if soft < 0 else f"{soft} may be open at once")
