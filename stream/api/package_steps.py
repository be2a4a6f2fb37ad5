"""The steps of a pipeline over data that is not Kafka, under the lock of its working folder."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from sinks import Schema, Sink, fit_dataset
from stream.api.destinations import absolute_url, open_sink, redacted, require_destination
from stream.api.load_info import LoadInfo
from stream.api.load_info_builder import LoadInfoBuilder
from stream.api.options import Options
from stream.api.progress import Reporter
from stream.api.schema_files import export_schema, import_schema
from stream.config import lookup
from stream.config.lookup import pipeline_in_use
from stream.config.models import Config
from stream.config.privacy import salt_of
from stream.errors import ConfigError
from stream.extract.resource import Resource
from stream.observe.facts import Observer, to_all
from stream.packages import Mirror, Package, PackageStore
from stream.runtime.extract_package import Extraction
from stream.runtime.ids import load_ids
from stream.runtime.package_run import PackageRun, newest_state


@dataclass(frozen=True, slots=True)
class PackageSteps:
    """Everything that the steps of one call need. Each method is one step, or some of them in their order."""

    pipeline: str
    config: Config
    working_dir: Path | None
    observe: Observer
    options: Options = field(default_factory=Options)
    reporter: Reporter = field(default_factory=lambda: Reporter(None))

    @property
    def place(self) -> str:
        """Return what names destination and dataset, for what is remembered of them."""
        url = self.config.destination.url
        where = absolute_url(redacted(url)) if url else ""
        return f"{where} {self.config.destination.dataset or self.pipeline}"

    @contextmanager
    def store(self) -> Iterator[PackageStore]:
        """Yield the packages, for this process alone; without a home, in a folder that goes with the call."""
        token = pipeline_in_use.set(self.pipeline)
        try:
            if self.working_dir is not None:
                packages = PackageStore(self.working_dir)
                with packages.locked():
                    yield packages
            else:
                with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
                    yield PackageStore(Path(folder))
        finally:
            pipeline_in_use.reset(token)

    @asynccontextmanager
    async def destination(self, store: PackageStore, info: LoadInfoBuilder) -> AsyncIterator[PackageRun]:
        """Yield the steps that need the destination, connected and synchronized."""
        sink = self.open_sink()
        try:
            run = self.run_over(sink, store, to_all(info.observe, self.observe))
            await run.sync(restore=self.restores)
            yield run
            self._export(store)
        finally:
            self.reporter.close()
            await sink.aclose()

    def open_sink(self) -> Sink:
        """Return the sink, not yet connected."""
        return open_sink(self.pipeline, self.config, self.options.make_sink)

    @property
    def restores(self) -> bool:
        """Return whether state is taken over from the destination: `restore_from_destination`, on by default."""
        return _is_on("restore_from_destination", True)

    @property
    def raises_on_failed_jobs(self) -> bool:
        """Return whether a failed job raises: `load.raise_on_failed_jobs`, off by default."""
        return _is_on("load.raise_on_failed_jobs", False)

    def _export(self, store: PackageStore) -> None:
        folder = self.options.export_schema_path or self.config.export_schema_path
        if folder is not None:
            export_schema(folder, self.pipeline, Mirror(store.working_dir).read(self.place).schema)

    def _imported(self) -> Schema | None:
        folder = self.options.import_schema_path or self.config.import_schema_path
        if self.options.schema is not None:
            return self.options.schema
        return None if folder is None else import_schema(folder, self.pipeline)

    def _extraction(self, store: PackageStore, state: str | None) -> Extraction:
        return Extraction(store, load_ids()(), state, salt_of(self.config), self.reporter.extracted)

    def run_over(self, sink: Sink, store: PackageStore, observe: Observer) -> PackageRun:
        """Return the steps over one sink."""
        observe = to_all(observe, self.reporter.observe)
        return PackageRun(
            self.pipeline,
            self.config,
            sink,
            store,
            self.place,
            observe,
            imported=self._imported(),
            normalized=self.reporter.normalized,
            staging=self.options.staging,
        )

    def info(self) -> LoadInfoBuilder:
        """Return the sum of a run that begins now."""
        url = require_destination(self.pipeline, self.config.destination)
        sink = self.open_sink()
        dataset = fit_dataset(self.config.destination.dataset or self.pipeline, sink.capabilities)
        return LoadInfoBuilder(self.pipeline, sink.capabilities.name, dataset, redacted(url))

    async def run(self, store: PackageStore, resources: Sequence[Resource], stopping: anyio.Event | None) -> LoadInfo:
        """Finish what is pending, then extract, normalize and load `resources`, on a running event loop."""
        info = self.info()
        async with self.destination(store, info) as run:
            info.add(await run.load_pending())
            extraction = self._extraction(store, run.state())
            if await extraction.run_async(resources, stopping) and extraction.finish() is not None:
                info.add(await run.load_pending())
        return info.build()

    async def sync_once(self, store: PackageStore) -> None:
        """Take over the state of a destination that was never looked at from this folder, where there is one.

        An incremental cursor in a new or lost folder would begin anew, and its rows would come twice.
        """
        asked = self.config.destination.url and self.restores
        if asked and not store.pending() and not Mirror(store.working_dir).knows(self.place):
            async with self.destination(store, self.info()):
                pass

    def begin_extraction(self, store: PackageStore) -> Extraction:
        """Return a new package in the making, with the state as it is known here."""
        return self._extraction(store, newest_state(store, Mirror(store.working_dir).read(self.place)))

    async def normalize(self, store: PackageStore) -> tuple[Package, ...]:
        """Normalize what is extracted, for the schema as it is known here. No destination is asked."""
        sink = self.open_sink()
        return await self.run_over(sink, store, self.observe).normalize_pending()

    async def load(self, store: PackageStore) -> LoadInfo:
        """Load all that is pending."""
        info = self.info()
        async with self.destination(store, info) as run:
            info.add(await run.load_pending())
        return info.build()

    async def sync(self, store: PackageStore) -> None:
        """Take over schema and state of the destination. Raises `ConfigError` while packages are pending."""
        if store.pending():
            raise ConfigError(
                f"pipeline {self.pipeline!r} has packages that are not loaded: load() or drop_pending_packages() first"
            )
        async with self.destination(store, self.info()):
            pass


def _is_on(name: str, default: bool) -> bool:
    return str(lookup.config.get(name, default)).lower() not in ("false", "0", "no", "off")
