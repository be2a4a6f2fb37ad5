"""From resources to pages: on one thread, or on an event loop that goes on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, Protocol

from anyio import to_thread
from anyio.lowlevel import checkpoint

from stream.errors import ConfigError, HeadraceError, PipelineStepFailed
from stream.extract.items import NeedsLoop, async_items_of, items_of
from stream.extract.page_builder import PageBuilder, PageTarget
from stream.extract.parallel import interleaved
from stream.extract.resource import Resource

_TURN_SECONDS: Final = 0.1  # how long an async generator that never waits keeps the loop from others
_HANDED_OVER: Final = 1_000  # items that go to the thread together: it is there for work, not for each of them


class Targets(Protocol):
    """Where the pages of a resource go, by table."""

    def target(self, resource: Resource, table: str) -> PageTarget:
        """Return where pages of that table go."""
        ...


class Stopped(Exception):
    """Extraction was told to stop before its end."""


class TableRouter:
    """Gives each item of a resource to its table: one for all, or one for each row."""

    def __init__(self, resource: Resource, targets: Targets) -> None:
        self._resource = resource
        self._targets = targets
        self._builders: dict[str, PageBuilder] = {}

    def add(self, item: Any) -> None:
        """Take one item."""
        name = self._resource.table_name
        if isinstance(name, str):
            self._builder(name).add(item)
        elif isinstance(item, list):
            for row in item:
                self._builder(self._named(name, row)).add(row)
        else:
            self._builder(self._named(name, item)).add(item)

    def add_all(self, items: list[Any]) -> None:
        """Take items, in order."""
        for item in items:
            self.add(item)

    def flush(self) -> None:
        """Write what waits."""
        for builder in self._builders.values():
            builder.flush()

    def _named(self, table_name: Callable[[Any], str], row: Any) -> str:
        table = table_name(row)
        if not isinstance(table, str) or not table.strip():
            raise ConfigError(f"resource {self._resource.name!r}: table_name gave {table!r}, which names no table")
        return table

    def _builder(self, table: str) -> PageBuilder:
        if table not in self._builders:
            self._builders[table] = PageBuilder(self._targets.target(self._resource, table))
        return self._builders[table]


def collect_now(resource: Resource, targets: Targets, is_stopped: Callable[[], bool]) -> Resource | None:
    """Write all items of a resource to its tables, on this thread; return it where it must be awaited instead.

    Raises `Stopped` soon after `is_stopped()`, and `PipelineStepFailed` when the data fails.
    """
    router = TableRouter(resource, targets)
    with extracting():
        try:
            for item in items_of(resource):
                router.add(item)
                if is_stopped():
                    raise Stopped
        except NeedsLoop as found:
            if resource.parent is not None:
                raise ConfigError(f"{resource.name!r} returns what must be awaited: make it an `async def`") from None
            (data,) = found.args
            awaited = resource.copied()
            awaited.data, awaited.arguments = data, None
            return awaited
        router.flush()
    return None


def collect_parallel(resources: Sequence[Resource], targets: Targets, is_stopped: Callable[[], bool]) -> None:
    """Write all items of resources that are gone through at the same time, each in a thread of its own.

    Raises as `collect_now` does.
    """
    routers = {id(resource): TableRouter(resource, targets) for resource in resources}
    with extracting(), closing(interleaved(resources)) as items:
        for resource, item in items:
            routers[id(resource)].add(item)
            if is_stopped():
                raise Stopped
        for router in routers.values():
            router.flush()


async def collect_async(resource: Resource, targets: Targets, is_stopped: Callable[[], bool]) -> None:
    """Write all items of an asynchronous resource to its tables; the work on them is done in a thread."""
    router = TableRouter(resource, targets)
    waiting: list[Any] = []
    with extracting():
        end = time.monotonic() + _TURN_SECONDS
        async for item in async_items_of(resource):
            waiting.append(item)
            if is_stopped():
                raise Stopped
            if len(waiting) >= _HANDED_OVER or time.monotonic() > end:
                await checkpoint()  # it may never wait for anything, and then nobody else would get a turn
                await to_thread.run_sync(router.add_all, waiting)
                waiting, end = [], time.monotonic() + _TURN_SECONDS
        await to_thread.run_sync(router.add_all, waiting)
        await to_thread.run_sync(router.flush)


@contextmanager
def extracting() -> Iterator[None]:
    """Say of whatever the user's data raises that extracting failed."""
    try:
        yield
    except (HeadraceError, Stopped):
        raise
    except Exception as error:
        raise PipelineStepFailed("extract", None, error) from error
