"""Extracting: whatever resources yield becomes one package on disk, and the state moves with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio
import pyarrow as pa
from anyio import to_thread

from stream.extract.collect import Stopped, collect_async, collect_now, collect_parallel
from stream.extract.items import needs_loop
from stream.extract.page_builder import PageTarget
from stream.extract.resource import Resource
from stream.extract.state import dump_state, extracting_with, load_state
from stream.model.exception_groups import unwrap_single
from stream.model.hints import Hints
from stream.model.pages import Page, row_count
from stream.packages import Package, PackageStore, PackageWriter
from stream.runtime.anonymize import anonymized, private_columns
from stream.transform.pseudonyms import Replace, keyed_hash

Told = Callable[[str, str, int, int], None]
"""Called with resource, table, rows and bytes of each page."""


def nobody_told(resource: str, table: str, rows: int, nbytes: int) -> None:
    """Take what was extracted and do nothing."""


@dataclass(frozen=True, slots=True)
class _Target(PageTarget):
    writer: PackageWriter
    table: str
    hints: Hints
    told: Told
    private: tuple[str, ...]
    replace: Replace

    def write(self, page: Page) -> int:
        if self.private:
            page = anonymized(page, self.private, self.replace)
        nbytes = self.writer.write(self.table, self.hints, page)
        self.told(self.hints.resource or self.table, self.table, row_count(page), nbytes)
        return nbytes

    def skip(self, count: int) -> None:
        self.writer.skip(self.table, count, "null")

    def reject(self, text: str, reason: str, error: str) -> None:
        if self.private:
            text, error = "withheld", f"{reason}; details withheld, because the table has private columns"
        self.writer.reject(self.table, text, reason, error)


@dataclass(frozen=True, slots=True)
class _Skipping(PageTarget):
    """Counts what the write disposition `skip` leaves out."""

    writer: PackageWriter
    table: str

    def write(self, page: Page) -> int:
        self.writer.skip(self.table, row_count(page), "write_disposition")
        return page.nbytes if isinstance(page, pa.Table) else len(page)

    def skip(self, count: int) -> None:
        self.writer.skip(self.table, count, "null")

    def reject(self, text: str, reason: str, error: str) -> None:
        self.writer.skip(self.table, 1, "write_disposition")


@dataclass(frozen=True, slots=True)
class _Targets:
    writer: PackageWriter
    told: Told
    replace: Replace

    def target(self, resource: Resource, table: str) -> PageTarget:
        if resource.hints.write_disposition == "skip":
            return _Skipping(self.writer, table)
        hints = replace(resource.hints, table=table)
        return _Target(self.writer, table, hints, self.told, private_columns(hints), self.replace)


class Extraction:
    """One package in the making, from some resources.

    `state`: the pipeline's, as the last package left it. `salt`: the key of the hashes that hide private values.
    """

    def __init__(
        self, store: PackageStore, load_id: str, state: str | None, salt: bytes, told: Told = nobody_told
    ) -> None:
        self._store = store
        self._writer = store.new(load_id)
        self._targets = _Targets(self._writer, told, keyed_hash(salt))
        self._before = dump_state(load_state(state))
        self._state = load_state(state)

    def run_now(self, resources: Sequence[Resource]) -> list[Resource]:
        """Extract on this thread, in order, up to the first resource that must be awaited; return it and the rest.

        Raises `PipelineStepFailed`; nothing is left then.
        """
        return self._run(resources, lambda: False)

    async def run_async(self, resources: Sequence[Resource], stopping: anyio.Event | None) -> bool:
        """Extract beside an event loop, what is not asynchronous in one other thread; return whether it was all.

        It was not when `stopping` was set before the end: then nothing is left.
        """
        halt = threading.Event()
        try:
            with unwrap_single():
                async with anyio.create_task_group() as group:
                    if stopping is not None:
                        group.start_soon(_halt_when, stopping, halt, group.cancel_scope, name="stop extracting")
                    with extracting_with(self._state):
                        await self._run_all(resources, halt.is_set)
                    group.cancel_scope.cancel()
                    return True
        except Stopped:
            pass
        except BaseException:
            self._writer.discard()
            raise
        self._writer.discard()
        return False

    def finish(self) -> Package | None:
        """Return the package; None where nothing was given and nothing is to be remembered."""
        state = dump_state(self._state)
        if self._writer.is_empty and state == self._before:
            self._writer.discard()
            return None
        return self._store.commit(self._writer, None if state == self._before else state)

    def discard(self) -> None:
        """Remove what was written so far."""
        self._writer.discard()

    async def _run_all(self, resources: Sequence[Resource], is_stopped: Callable[[], bool]) -> None:
        waiting = list(resources)
        while waiting:
            if needs_loop(waiting[0]):
                self._declare(waiting[0])
                await collect_async(waiting.pop(0), self._targets, is_stopped)
                continue
            waiting = await to_thread.run_sync(self._run, waiting, is_stopped)

    def _run(self, resources: Sequence[Resource], is_stopped: Callable[[], bool]) -> list[Resource]:
        try:
            with extracting_with(self._state):
                together, resources = _parallel(resources)
                if together:
                    for resource in together:
                        self._declare(resource)
                    collect_parallel(together, self._targets, is_stopped)
                for index, resource in enumerate(resources):
                    if needs_loop(resource):
                        return list(resources[index:])
                    self._declare(resource)
                    if (awaited := collect_now(resource, self._targets, is_stopped)) is not None:
                        return [awaited, *resources[index + 1 :]]
        except BaseException:
            self._writer.discard()
            raise
        return []

    def _declare(self, resource: Resource) -> None:
        if isinstance(resource.table_name, str) and resource.hints.write_disposition == "replace":
            self._writer.declare(replace(resource.hints, table=resource.table_name))


def _parallel(resources: Sequence[Resource]) -> tuple[Sequence[Resource], Sequence[Resource]]:
    """Return the resources to go through at the same time, and the others; one alone is no company."""
    together = [resource for resource in resources if resource.parallelized and not needs_loop(resource)]
    if len(together) < 2:
        return (), resources
    return together, [resource for resource in resources if resource not in together]


async def _halt_when(stopping: anyio.Event, halt: threading.Event, scope: anyio.CancelScope) -> None:
    await stopping.wait()
    halt.set()
    scope.cancel()
