"""The Python face: `pipeline`, `attach`, `run` and the `Pipeline` they give."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import anyio
from pydantic import SecretStr

from stream.config import Config, Destination, Retry
from stream.destination import open_sink, redacted, url_of
from stream.errors import ConfigError, HeadraceError, PipelineStepFailed
from stream.info import LoadInfo, LoadInfoBuilder
from stream.normalize import snake_case
from stream.observe.facts import Fact, Observer, Started, nobody, to_all
from stream.resources import KafkaEvents, table_of, values_of
from stream.runtime.ids import load_ids
from stream.runtime.once import load_values
from stream.runtime.service import serve
from stream.runtime.signals import stopped_by_signals
from stream.source.budget import Budget
from stream.source.kafka import KafkaSource
from stream.workdir import Remembered, checked_name, default_dir, recall, remember

_PREFIX: Final = "headrace_"
_PATIENCE_SECONDS: Final = 60.0  # a stream waits for its destination without end; here somebody waits for run()
_newest: list[Pipeline] = []  # the most recently created pipeline, for `pipeline()` without arguments


@dataclass(frozen=True)
class Pipeline:
    """A name, a destination and a dataset: the handle for everything that is done with them."""

    pipeline_name: str
    working_dir: Path
    config: Config

    def __repr__(self) -> str:
        where = f"destination={self.destination!r}, dataset_name={self.dataset_name!r}"
        return f"Pipeline({self.pipeline_name!r}, {where}, working_dir={str(self.working_dir)!r})"

    @property
    def dataset_name(self) -> str:
        """Return the dataset (schema) that the tables are in."""
        return self.config.destination.dataset or snake_case(self.pipeline_name)

    @property
    def destination(self) -> str | None:
        """Return where the tables go, without a password; None when nothing was said yet."""
        return redacted(self.config.destination.url) if self.config.destination.url else None

    def run(
        self,
        data: Any,
        *,
        destination: str | None = None,
        staging: Any = None,
        dataset_name: str | None = None,
        credentials: str | None = None,
        table_name: str | None = None,
        write_disposition: str | None = None,
        columns: Any = None,
        schema: Any = None,
    ) -> LoadInfo:
        """Load `data` and return what was done; blocks until done, or until Ctrl-C or SIGTERM for endless data.

        `data`: `stream.kafka(...)`, or a list, iterable, generator (function) or async generator of objects, which
        then go to `table_name`. Raises `ConfigError` for what cannot be, `PipelineStepFailed` when a step fails. Not
        to be called where an event loop runs: await `run_async` there.
        """
        _refuse_running_loop()
        _refuse_unbuilt(staging=staging, columns=columns, schema=schema)
        _refuse_disposition(write_disposition)
        at = self._at(destination, dataset_name, credentials)

        async def blocking() -> LoadInfo:
            async with stopped_by_signals() as stopping:
                return await at.run_async(data, table_name=table_name, stopping=stopping)

        return anyio.run(blocking)

    async def run_async(
        self,
        data: Any,
        *,
        table_name: str | None = None,
        observe: Observer = nobody,
        stopping: anyio.Event | None = None,
    ) -> LoadInfo:
        """Do the same as `run` on a running event loop; ends early when `stopping` is set."""
        if isinstance(data, KafkaEvents):
            if table_name is not None:
                raise ConfigError("table_name has no meaning for Kafka: tables.name_template maps topics to tables")
            return await self._stream(data, observe, stopping or anyio.Event())
        return await self._load(data, table_of(data, table_name), observe)

    async def _stream(self, events: KafkaEvents, observe: Observer, stopping: anyio.Event) -> LoadInfo:
        config = self._resolved().model_copy(update={"kafka": events.config})
        group = events.config.group or self.pipeline_name
        headers = "headers" in config.tables.include

        def open_source(config: Config, budget: Budget) -> KafkaSource:
            return KafkaSource(config.kafka, config.batching, budget, group=group, wants_headers=headers)

        sink = open_sink(self.pipeline_name, config)
        info = LoadInfoBuilder(self.pipeline_name, sink.capabilities.name, self.dataset_name)
        watchers = to_all(info.observe, self._remember, observe)
        await serve(self.pipeline_name, config, sink, open_source, watchers, stopping=stopping)
        return info.build()

    async def _load(self, data: Any, table: str, observe: Observer) -> LoadInfo:
        config = self._resolved().model_copy(update={"retry": _bounded(self.config.retry)})
        try:
            values = await values_of(data)
        except HeadraceError:
            raise
        except Exception as error:
            raise PipelineStepFailed("extract", None, error) from error
        sink = open_sink(self.pipeline_name, config)
        info = LoadInfoBuilder(self.pipeline_name, sink.capabilities.name, self.dataset_name)
        watchers = to_all(info.observe, self._remember, observe)
        try:
            await load_values(self.pipeline_name, config, sink, table, values, load_ids()(), watchers)
        finally:
            await sink.aclose()
        return info.build()

    def _resolved(self) -> Config:
        named = self.config.destination.model_copy(update={"dataset": self.dataset_name})
        return self.config.model_copy(update={"pipeline": self.pipeline_name, "destination": named})

    def _at(self, destination: str | None, dataset_name: str | None, credentials: str | None) -> Pipeline:
        url = url_of(destination, credentials, self.pipeline_name) or self.config.destination.url
        dataset = dataset_name or self.config.destination.dataset
        moved = self.config.destination.model_copy(update={"url": url, "dataset": dataset})
        return Pipeline(self.pipeline_name, self.working_dir, self.config.model_copy(update={"destination": moved}))

    def _remember(self, fact: Fact) -> None:
        if isinstance(fact, Started) and self.destination is not None:  # not sooner: a wrong URL is not worth keeping
            with suppress(OSError):  # only `attach` needs it: a home that is read-only, as in a container, stops no run
                remember(self.working_dir, Remembered(self.pipeline_name, self.destination, self.dataset_name))


def pipeline(
    pipeline_name: str | None = None,
    pipelines_dir: str | Path | None = None,
    pipeline_salt: str | None = None,
    destination: str | None = None,
    staging: Any = None,
    dataset_name: str | None = None,
    import_schema_path: str | None = None,
    export_schema_path: str | None = None,
    full_refresh: bool = False,
    credentials: str | None = None,
    progress: Any = None,
) -> Pipeline:
    """Return a pipeline; without arguments the most recently created one, or a new one with all defaults.

    `pipeline_name` defaults to the script's file name with the prefix `headrace_`, `dataset_name` to the name,
    `pipelines_dir` to `~/.headrace/pipelines`. `destination` is a name (`"duckdb"`: a file beside the script) or a
    URL. `full_refresh` loads from scratch into `<dataset>_<YYYYMMDDhhmmss>`. A parameter that is not built yet is
    refused with `ConfigError`.
    """
    given = (pipeline_name, pipelines_dir, destination, dataset_name, credentials, full_refresh or None)
    _refuse_unbuilt(
        pipeline_salt=pipeline_salt,
        staging=staging,
        import_schema_path=import_schema_path,
        export_schema_path=export_schema_path,
        progress=progress,
    )
    if _newest and all(value is None for value in given):
        return _newest[0]
    name = checked_name(pipeline_name or _script_name())
    dataset = dataset_name or snake_case(name)
    where = Destination(
        url=url_of(destination, credentials, name),
        dataset=f"{dataset}_{datetime.now(UTC):%Y%m%d%H%M%S}" if full_refresh else dataset,
    )
    return _register(name, pipelines_dir, Config(pipeline=name, destination=where))


def pipeline_of(config: Config, *, pipelines_dir: str | Path | None = None) -> Pipeline:
    """Return the pipeline that a whole configuration describes; its name defaults to its topics'."""
    name = config.pipeline or snake_case("_".join(config.kafka.topics)) or "headrace"
    return _register(checked_name(name), pipelines_dir, config)


def attach(
    pipeline_name: str | None = None,
    pipelines_dir: str | Path | None = None,
    pipeline_salt: str | None = None,
    full_refresh: bool = False,
    credentials: str | None = None,
    progress: Any = None,
) -> Pipeline:
    """Return a pipeline that ran before, as its working folder remembers it; changes nothing.

    Raises `ConfigError` when there is no valid state. A password is not remembered: give `credentials` anew.
    """
    _refuse_unbuilt(pipeline_salt=pipeline_salt, full_refresh=full_refresh or None, progress=progress)
    name = checked_name(pipeline_name or _script_name())
    remembered = recall(Path(pipelines_dir or default_dir()) / name)
    where = Destination(
        url=url_of(None, credentials, name) or SecretStr(remembered.destination), dataset=remembered.dataset_name
    )
    return _register(name, pipelines_dir, Config(pipeline=name, destination=where))


def run(
    data: Any,
    *,
    destination: str | None = None,
    staging: Any = None,
    dataset_name: str | None = None,
    credentials: str | None = None,
    table_name: str | None = None,
    write_disposition: str | None = None,
    columns: Any = None,
    schema: Any = None,
) -> LoadInfo:
    """Load `data` with the pipeline that `pipeline()` returns; see `Pipeline.run`."""
    return pipeline().run(
        data,
        destination=destination,
        staging=staging,
        dataset_name=dataset_name,
        credentials=credentials,
        table_name=table_name,
        write_disposition=write_disposition,
        columns=columns,
        schema=schema,
    )


def _register(name: str, pipelines_dir: str | Path | None, config: Config) -> Pipeline:
    made = Pipeline(name, Path(pipelines_dir or default_dir()) / name, config)
    _newest[:] = [made]
    return made


def _bounded(retry: Retry) -> Retry:
    return retry if retry.give_up_seconds else retry.model_copy(update={"give_up_seconds": _PATIENCE_SECONDS})


def _script_name() -> str:
    return _PREFIX + (snake_case(Path(sys.argv[0]).stem) or "pipeline")


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise HeadraceError("run() blocks, and an event loop runs here: write `await pipeline.run_async(data)` instead")


def _refuse_unbuilt(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{name} is not built yet in this version of headrace: leave it out")


def _refuse_disposition(write_disposition: str | None) -> None:
    if write_disposition not in (None, "append"):
        raise ConfigError(
            f"write_disposition {write_disposition!r} is not built yet in this version of headrace: it appends"
        )
