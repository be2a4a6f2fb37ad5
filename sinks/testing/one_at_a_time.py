"""A sink that fails the test when two of its methods overlap: callers ask one thing at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from sinks.contract import Sink

AnySink = TypeVar("AnySink", bound=Sink)

METHODS: Final = ("open", "positions", "claim", "schema", "apply", "can_widen", "load", "is_committed")


def one_at_a_time(sink: AnySink) -> AnySink:
    """Return `sink`, which from now on raises `AssertionError` where a method is called while another one runs.

    `aclose` may come at any time. A call that was cancelled has ended.
    """
    running: list[str] = []
    for name in METHODS:
        setattr(sink, name, _alone(name, getattr(sink, name), running))
    return sink


def _alone(name: str, method: Callable[..., Awaitable[Any]], running: list[str]) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **options: Any) -> Any:
        assert not running, f"{name} was called while {running[0]} runs: the methods of a sink never overlap"
        running.append(name)
        try:
            return await method(*args, **options)
        finally:
            running.remove(name)

    return call
