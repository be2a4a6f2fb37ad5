"""Task groups that raise the error, not a group of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwrap_single() -> Iterator[None]:
    """Raise the only error inside an exception group as itself; a group of several stays one."""
    try:
        yield
    except BaseExceptionGroup as group:
        if (error := _only(group)) is None:
            raise
        raise error from error.__cause__


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    if len(group.exceptions) != 1:
        return None
    error = group.exceptions[0]
    return _only(error) if isinstance(error, BaseExceptionGroup) else error
