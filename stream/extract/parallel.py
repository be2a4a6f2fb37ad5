"""Resources that are gone through at the same time: each in a thread of its own, through one bounded queue."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, Full, Queue
from threading import Event
from typing import Any, Final

from stream.errors import ConfigError
from stream.extract.items import NeedsLoop, items_of
from stream.extract.resource import Resource

_WAITING_ITEMS: Final = 16
_LOOK_SECONDS: Final = 0.05

Item = tuple[Resource, Any]


def interleaved(resources: Sequence[Resource]) -> Generator[Item, None, None]:
    """Yield the items of all resources as they come, each with its resource.

    What one of them raises is raised here, and the others are given up after their next item.
    """
    queue: Queue[Item] = Queue(_WAITING_ITEMS)
    given_up = Event()
    with ThreadPoolExecutor(len(resources), thread_name_prefix="extract") as pool:
        try:
            running = [pool.submit(copy_context().run, _fill, queue, each, given_up.is_set) for each in resources]
            while True:
                over = all(future.done() for future in running)
                for future in running:
                    if future.done():
                        future.result()  # raises what the resource raised, also while others go on
                with suppress(Empty):
                    yield queue.get(timeout=0 if over else _LOOK_SECONDS)
                    continue
                if over:
                    return
        finally:
            given_up.set()


def _fill(queue: Queue[Item], resource: Resource, is_given_up: Callable[[], bool]) -> None:
    try:
        for item in items_of(resource):
            while not is_given_up():
                try:
                    queue.put((resource, item), timeout=_LOOK_SECONDS)
                    break
                except Full:
                    continue
            if is_given_up():
                return
    except NeedsLoop:
        raise ConfigError(f"{resource.name!r} must be awaited, so it cannot be parallelized: leave that out") from None
