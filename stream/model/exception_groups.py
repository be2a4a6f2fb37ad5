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


@contextmanager
def unwrap_first_of(*kinds: type[Exception]) -> Iterator[None]:
    """Raise one error of an exception group as itself: one that is of none of `kinds`, else the first kind's.

    `kinds` are errors that their catcher can mend, the most telling first: two of them at once are mended as one is.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        worst = min(leaves, key=lambda leaf: _rank(leaf, kinds))
        raise worst from worst.__cause__


def _rank(error: BaseException, kinds: tuple[type[Exception], ...]) -> int:
    return next((rank for rank, kind in enumerate(kinds) if isinstance(error, kind)), -1)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    if len(group.exceptions) != 1:
        return None
    error = group.exceptions[0]
    return _only(error) if isinstance(error, BaseExceptionGroup) else error
