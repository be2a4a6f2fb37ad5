"""How deep a Python value may be nested: past that, taking it apart would overflow Python's stack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from stream.errors import UnsupportedValue
from stream.normalize.naming import Path, dotted

MAX_DEPTH: Final = 250  # three calls a level, of Python's 1,000; `limits.max_depth` lets no event be deeper
_SHOWN: Final = 4  # keys of a path that is too long to print


def check_depth(documents: Iterable[Any]) -> None:
    """Raise `UnsupportedValue` when a document has objects and lists more than `MAX_DEPTH` deep. No recursion."""
    waiting: list[tuple[Any, Path, int]] = [(document, (), 0) for document in documents]
    while waiting:
        value, path, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise UnsupportedValue(
                f"{dotted(path)}...: nested deeper than {MAX_DEPTH} levels (or in itself); "
                "turn what lies deeper into JSON text first"
            )
        for key, member in _members(value):
            if isinstance(member, (dict, list, tuple)):
                waiting.append((member, (*path, str(key)) if depth < _SHOWN else path, depth + 1))


def _members(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()
