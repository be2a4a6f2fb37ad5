"""The user's handle: a name, a destination and a dataset, and everything that is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal

from sinks import Schema
from stream.api.destinations import (
    require_destination,
    resolve_destination,
    staging_of,
)
from stream.api.kafka_run import run_stream
from stream.api.known_pipeline import KnownPipeline
from stream.api.load_info import ExtractInfo, LoadInfo, NormalizeInfo
from stream.api.load_info_builder import package_info
from stream.api.progress import Reporter
from stream.api.schema_files import schema_files_of
from stream.api.validation import refuse_no_name, refuse_running_loop, refuse_unbuilt_hints
from stream.errors import ConfigError
from stream.extract.as_resources import as_resources
from stream.extract.hints import hints_of
from stream.extract.kafka import KafkaEvents
from stream.extract.resource import Resource
from stream.model.hints import Hints
from stream.observe.facts import Observer, nobody, to_all
from stream.packages import Mirror
from stream.runtime.signals import stopped_by_signals


class Pipeline(KnownPipeline):
    """A name, a destination and a dataset: the handle for everything that is done with them."""

    def run(
        self,
        data: Any,
        *,
        destination: Any = None,
        staging: Any = None,
        dataset_name: str | None = None,
        credentials: Any = None,
        table_name: str | None = None,
        write_disposition: Any = None,
        columns: Any = None,
        schema: Any = None,
        primary_key: Any = None,
        merge_key: Any = None,
        schema_contract: Any = None,
    ) -> LoadInfo:
        """Load `data` and return what was done; blocks until it is done.

        `data`: `headrace.kafka(...)`; a list, iterable, generator (function) or async generator of objects; resources
        and sources; Arrow tables, batches and readers; frames of pandas and polars. What has no name needs
        `table_name`. What is said here of disposition, columns, keys and contract goes before the hints of resources.
        Raises `ConfigError` for what cannot be, `PipelineStepFailed` when a step fails. Not to be called
        where an event loop runs: await `run_async` there.

        Events from Kafka: the first Ctrl-C or SIGTERM drains, and the call returns. For other data: what an earlier run
        left pending is finished first, then the data is extracted on this thread into a package on disk, normalized
        and loaded in one commit. A run that dies is finished by the next one; nothing is half-written.
        """
        refuse_running_loop()
        at = self._at(destination, dataset_name, credentials, staging)._with_schema(schema)
        hints = hints_of(
            write_disposition=write_disposition, columns=columns, primary_key=primary_key, merge_key=merge_key,
            schema_contract=schema_contract,
        )  # fmt: skip
        if isinstance(data, KafkaEvents):
            _refuse_for_kafka(table_name, hints)
            return self._noted(anyio.run(at._until_stopped, data))
        require_destination(self.pipeline_name, at.config.destination)
        return self._noted(at._run_blocking(_resources(data, table_name, hints)))

    async def run_async(
        self,
        data: Any,
        *,
        table_name: str | None = None,
        write_disposition: Any = None,
        columns: Any = None,
        primary_key: Any = None,
        merge_key: Any = None,
        schema_contract: Any = None,
        observe: Observer = nobody,
        stopping: anyio.Event | None = None,
    ) -> LoadInfo:
        """Do the same as `run` on a running event loop, leaving signals to the caller.

        When `stopping` is set, events from Kafka drain. Other data is then given up if it was not all extracted yet:
        nothing of it is loaded. What is not async is gone through in one other thread.
        """
        hints = hints_of(
            write_disposition=write_disposition, columns=columns, primary_key=primary_key, merge_key=merge_key,
            schema_contract=schema_contract,
        )  # fmt: skip
        if isinstance(data, KafkaEvents):
            _refuse_for_kafka(table_name, hints)
            return self._noted(await self._stream(data, observe, stopping or anyio.Event()))
        resources = _resources(data, table_name, hints)
        steps = self._steps(observe)
        with steps.store() as store:
            return self._noted(await steps.run(store, resources, stopping))

    def extract(
        self,
        data: Any,
        *,
        table_name: str | None = None,
        write_disposition: Any = None,
        columns: Any = None,
        primary_key: Any = None,
        merge_key: Any = None,
        schema_contract: Any = None,
    ) -> ExtractInfo:
        """Write `data` into a package in the working folder. `normalize` and `load` go on from there.

        In a folder that is new, or was lost, the destination is asked for its state first, unless
        `restore_from_destination` is off. Raises `PipelineStepFailed`; nothing is left of the package then.
        """
        refuse_running_loop()
        began = datetime.now(UTC)
        hints = hints_of(
            write_disposition=write_disposition, columns=columns, primary_key=primary_key, merge_key=merge_key,
            schema_contract=schema_contract,
        )  # fmt: skip
        resources = _resources(data, table_name, hints)
        steps = self._steps()
        with steps.store() as store:
            anyio.run(steps.sync_once, store)
            extraction = steps.begin_extraction(store)
            rest = extraction.run_now(resources)
            if rest:
                anyio.run(extraction.run_async, rest, None)
            package = extraction.finish()
            packages = (package_info(package),) if package else ()
        return ExtractInfo(self.pipeline_name, began, datetime.now(UTC), packages)

    def normalize(self) -> NormalizeInfo:
        """Bring extracted packages into tables that fit the schema as it is known here; no destination is asked."""
        refuse_running_loop()
        began = datetime.now(UTC)
        steps = self._steps()
        with steps.store() as store:
            packages = tuple(map(package_info, anyio.run(steps.normalize, store)))
        return NormalizeInfo(self.pipeline_name, began, datetime.now(UTC), packages)

    def load(self, *, destination: Any = None, dataset_name: str | None = None, credentials: Any = None) -> LoadInfo:
        """Load all pending packages, the oldest first, each in one commit."""
        refuse_running_loop()
        steps = self._at(destination, dataset_name, credentials)._steps()
        with steps.store() as store:
            return self._noted(anyio.run(steps.load, store))

    def sync_destination(
        self, *, destination: Any = None, dataset_name: str | None = None, credentials: Any = None
    ) -> None:
        """Take over schema and state that the destination holds: for a working folder that is new, or was lost.

        Raises `ConfigError` while packages are pending.
        """
        refuse_running_loop()
        steps = self._at(destination, dataset_name, credentials)._steps()
        with steps.store() as store:
            anyio.run(steps.sync, store)

    def drop(self) -> Pipeline:
        """Forget everything in the working folder: pending packages, the known schema and the known state.

        What the destination holds stays, and the next run takes state and schema over from there.
        """
        with self._steps().store() as store:
            store.drop_pending()
            Mirror(store.working_dir).forget()
        return self

    def drop_pending_packages(self) -> list[str]:
        """Remove all packages that are not loaded, and return their load ids. Their data is lost."""
        with self._steps().store() as store:
            return list(store.drop_pending())

    def _run_blocking(self, resources: Sequence[Resource]) -> LoadInfo:
        """Run with the event loop in another thread: what the data does on this one, signals included, stays usual."""
        steps = self._steps()
        with steps.store() as store, start_blocking_portal() as portal:
            info = steps.info()
            with portal.wrap_async_context_manager(steps.destination(store, info)) as run:
                info.add(portal.call(run.load_pending))
                extraction = steps.begin_extraction(store)
                rest = extraction.run_now(resources)
                if rest:
                    portal.call(extraction.run_async, rest, None)
                if extraction.finish() is not None:
                    info.add(portal.call(run.load_pending))
            return info.build()

    async def _until_stopped(self, events: KafkaEvents) -> LoadInfo:
        async with stopped_by_signals() as stopping:
            return await self._stream(events, nobody, stopping)

    async def _stream(self, events: KafkaEvents, observe: Observer, stopping: anyio.Event) -> LoadInfo:
        reporter = Reporter(self.options.progress)
        watchers = to_all(self._remember, reporter.observe, observe)
        try:
            return await run_stream(
                self.pipeline_name,
                self._resolved(),
                events,
                watchers,
                stopping,
                self.options.make_sink,
                self.options.approve,
                schema_files_of(self.pipeline_name, self._imports, self._exports),
            )
        finally:
            reporter.close()

    def _at(self, destination: Any, dataset_name: str | None, credentials: Any, staging: Any = None) -> Pipeline:
        refuse_no_name(dataset_name=dataset_name)
        where = self.config.destination
        url, make_sink = resolve_destination(destination, credentials, self.pipeline_name, otherwise=where.url)
        moved = where.model_copy(update={"url": url, "dataset": dataset_name or where.dataset})
        made = make_sink if url is not where.url else self.options.make_sink
        staged = staging_of(staging or self.options.staging, url)
        config = self.config.model_copy(update={"destination": moved})
        return replace(self, config=config, options=replace(self.options, make_sink=made, staging=staged))

    def _with_schema(self, schema: Any) -> Pipeline:
        if schema is not None and not isinstance(schema, Schema):
            raise ConfigError(
                f"schema is a Schema, as pipeline.default_schema gives one, not a {type(schema).__name__}"
            )
        return replace(self, options=replace(self.options, schema=schema)) if schema else self

    def _noted(self, info: LoadInfo) -> LoadInfo:
        self.history[:] = [info]
        if self._steps().raises_on_failed_jobs:
            info.raise_on_failed_jobs()
        return info


def _resources(data: Any, table_name: str | None, hints: Hints) -> list[Resource]:
    found = as_resources(data, table_name, hints)
    refuse_unbuilt_hints(found)
    return found


def _refuse_for_kafka(table_name: str | None, hints: Hints) -> None:
    given = {"table_name": table_name, **{each.name: getattr(hints, each.name) for each in fields(hints)}}
    for name, value in given.items():
        if value not in (None, "", (), {}):
            raise ConfigError(
                f"{name} has no meaning for Kafka: tables.name_template maps topics to tables, and the settings of "
                "single topics (topics) say the rest"
            )
