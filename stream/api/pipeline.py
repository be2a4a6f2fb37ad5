"""The Python face: `pipeline`, `attach`, `run` and the `Pipeline` they give."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from pydantic import SecretStr

from stream.api.destinations import absolute_url, default_group, open_sink, redacted, require_destination, url_of
from stream.api.failed_step import StepWatch
from stream.api.load_info import LoadInfo, LoadInfoBuilder
from stream.api.state import Remembered, checked_name, default_dir, recall, remember
from stream.api.validation import refuse_disposition, refuse_no_name, refuse_running_loop, refuse_unbuilt
from stream.config.loader import destination_from
from stream.config.models import Config, Retry
from stream.config.topic_settings import wants_headers
from stream.errors import ConfigError
from stream.extract.collect import gathered, gathered_until
from stream.extract.resources import KafkaEvents, table_of
from stream.normalize import snake_case
from stream.observe.facts import Fact, Observer, Started, nobody, to_all
from stream.runtime.ids import load_ids
from stream.runtime.one_shot import load_package
from stream.runtime.service import serve
from stream.runtime.signals import stopped_by_signals
from stream.source.budget import Budget
from stream.source.kafka import KafkaSource

_PREFIX: Final = "headrace_"
_PATIENCE_SECONDS: Final = 60.0  # a stream waits for its destination without end; here somebody waits for run()
_ONLY_MEMBER: Final = "only"  # in a group of its own, with this destination's mark in its name
_newest: list[Pipeline] = []  # the most recently created pipeline, for `pipeline()` without arguments


@dataclass(frozen=True)
class Pipeline:
    """A name, a destination and a dataset: the handle for everything that is done with them."""

    pipeline_name: str
    working_dir: Path | None  # None for a user who has no home: then nothing is remembered for `attach`
    config: Config

    def __repr__(self) -> str:
        where = f"destination={self.destination!r}, dataset_name={self.dataset_name!r}"
        return f"Pipeline({self.pipeline_name!r}, {where}, working_dir={self.working_dir and str(self.working_dir)!r})"

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
        """Load `data` and return what was done; blocks until it is done.

        `data`: `stream.kafka(...)`, or a list, iterable, generator (function) or async generator of objects, or an
        Arrow table or record batch, which then go to `table_name`. Raises `ConfigError` for what cannot be,
        `PipelineStepFailed` when a step fails. Not to be called where an event loop runs: await `run_async` there.

        Events from Kafka: the first Ctrl-C or SIGTERM drains, and the call returns. Other data is gathered in memory
        first, on this thread, and signals do what they always do in Python: Ctrl-C raises `KeyboardInterrupt`, and
        nothing is half-written.
        """
        refuse_running_loop()
        refuse_unbuilt(staging=staging, columns=columns, schema=schema)
        refuse_disposition(write_disposition)
        at = self._at(destination, dataset_name, credentials)
        if isinstance(data, KafkaEvents):
            return anyio.run(at._until_stopped, data, table_name)
        require_destination(self.pipeline_name, at.config.destination)
        table = table_of(data, table_name)
        return anyio.run(partial(at.run_async, gathered(data), table_name=table))

    async def _until_stopped(self, events: KafkaEvents, table_name: str | None) -> LoadInfo:
        async with stopped_by_signals() as stopping:
            return await self.run_async(events, table_name=table_name, stopping=stopping)

    async def run_async(
        self,
        data: Any,
        *,
        table_name: str | None = None,
        observe: Observer = nobody,
        stopping: anyio.Event | None = None,
    ) -> LoadInfo:
        """Do the same as `run` on a running event loop, leaving signals to the caller.

        When `stopping` is set, events from Kafka drain. Other data is then given up if it was not all gathered yet:
        nothing of it is loaded. What is not async is gathered in a thread.
        """
        if isinstance(data, KafkaEvents):
            if table_name is not None:
                raise ConfigError("table_name has no meaning for Kafka: tables.name_template maps topics to tables")
            return await self._stream(data, observe, stopping or anyio.Event())
        return await self._load(data, table_of(data, table_name), observe, stopping)

    async def _stream(self, events: KafkaEvents, observe: Observer, stopping: anyio.Event) -> LoadInfo:
        config = self._resolved().model_copy(update={"kafka": events.config})
        group = events.config.group or default_group(self.pipeline_name, config)
        headers = wants_headers(config)
        sink = open_sink(self.pipeline_name, config)
        if sink.capabilities.single_process and not events.config.group:
            config = _with_one_member(config)

        def open_source(config: Config, budget: Budget) -> KafkaSource:
            return KafkaSource(config.kafka, config.batching, budget, group=group, wants_headers=headers)

        info = LoadInfoBuilder(self.pipeline_name, sink.capabilities.name, self.dataset_name)
        steps = StepWatch()
        watchers = to_all(info.observe, self._remember, steps.observe, observe)
        try:
            await serve(self.pipeline_name, config, sink, open_source, watchers, stopping=stopping)
        except Exception as error:
            if failure := steps.failure(error):
                raise failure from error
            raise
        return info.build()

    async def _load(self, data: Any, table: str, observe: Observer, stopping: anyio.Event | None) -> LoadInfo:
        config = self._resolved().model_copy(update={"retry": _bounded(self.config.retry)})
        sink = open_sink(self.pipeline_name, config)
        info = LoadInfoBuilder(self.pipeline_name, sink.capabilities.name, self.dataset_name)
        watchers = to_all(info.observe, self._remember, observe)
        try:
            values = await gathered_until(stopping, data)
            if values is not None:
                await load_package(self.pipeline_name, config, sink, table, values, load_ids()(), watchers)
        finally:
            await sink.aclose()
        return info.build()

    def _resolved(self) -> Config:
        named = self.config.destination.model_copy(update={"dataset": self.dataset_name})
        return self.config.model_copy(update={"pipeline": self.pipeline_name, "destination": named})

    def _at(self, destination: str | None, dataset_name: str | None, credentials: str | None) -> Pipeline:
        refuse_no_name(dataset_name=dataset_name)
        url = url_of(destination, credentials, self.pipeline_name, otherwise=self.config.destination.url)
        dataset = dataset_name or self.config.destination.dataset
        moved = self.config.destination.model_copy(update={"url": url, "dataset": dataset})
        return Pipeline(self.pipeline_name, self.working_dir, self.config.model_copy(update={"destination": moved}))

    def _remember(self, fact: Fact) -> None:
        if not isinstance(fact, Started) or self.working_dir is None or self.destination is None:
            return  # not sooner than started: a wrong URL is not worth keeping
        where = absolute_url(self.destination)
        with suppress(OSError):  # only `attach` needs it: a home that is read-only, as in a container, stops no run
            remember(self.working_dir, Remembered(self.pipeline_name, where, self.dataset_name))


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
    `pipelines_dir` to `~/.headrace/pipelines`. `destination` is a name (`"duckdb"`: a file in the current folder)
    or a URL; without it and `credentials`, `HEADRACE__DESTINATION__URL` is taken. The other variables of that section
    (password, dataset, timeouts) count as well, and what is given here wins. `full_refresh` loads from scratch into
    `<dataset>_<YYYYMMDDhhmmss>`. A parameter that is not built yet is refused with `ConfigError`.
    """
    given = (pipeline_name, pipelines_dir, destination, dataset_name, credentials, full_refresh or None)
    refuse_unbuilt(
        pipeline_salt=pipeline_salt,
        staging=staging,
        import_schema_path=import_schema_path,
        export_schema_path=export_schema_path,
        progress=progress,
    )
    if _newest and all(value is None for value in given):
        return _newest[0]
    refuse_no_name(dataset_name=dataset_name)
    name = checked_name(_script_name() if pipeline_name is None else pipeline_name)
    set_outside = destination_from(os.environ)
    dataset = dataset_name or set_outside.dataset or snake_case(name)
    where = {
        "url": url_of(destination, credentials, name, otherwise=set_outside.url),
        "dataset": f"{dataset}_{datetime.now(UTC):%Y%m%d%H%M%S}" if full_refresh else dataset,
    }
    return _register(name, pipelines_dir, Config(pipeline=name, destination=set_outside.model_copy(update=where)))


def pipeline_of(config: Config, *, pipelines_dir: str | Path | None = None) -> Pipeline:
    """Return the pipeline that a whole configuration describes; one topic gives it its name if it has none.

    Raises `ConfigError` for several topics or a pattern without a name: one that is made from them would be another
    one, with positions of its own, as soon as a topic is added.
    """
    name = config.pipeline
    if name is None and len(config.kafka.topics) == 1:
        name = snake_case(config.kafka.topics[0])
    if name is None:
        raise ConfigError(
            "a run of several topics, or of a pattern, needs a name for its pipeline, which owns the positions: "
            "--pipeline shop, or pipeline in a file. A pipeline that had one topic and no name is called like the topic"
        )
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

    Raises `ConfigError` when there is no valid state. A password is not remembered: give `credentials` anew, or
    `HEADRACE__DESTINATION__PASSWORD`.
    """
    refuse_unbuilt(pipeline_salt=pipeline_salt, full_refresh=full_refresh or None, progress=progress)
    name = checked_name(_script_name() if pipeline_name is None else pipeline_name)
    folder = _working_dir(name, pipelines_dir)
    if folder is None:
        raise ConfigError("this user has no home folder to look for ~/.headrace/pipelines in: give pipelines_dir")
    remembered = recall(folder)
    url = url_of(None, credentials, name, otherwise=SecretStr(remembered.destination))
    where = {"url": url, "dataset": remembered.dataset_name}
    destination = destination_from(os.environ).model_copy(update=where)
    return _register(name, pipelines_dir, Config(pipeline=name, destination=destination))


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
    made = Pipeline(name, _working_dir(name, pipelines_dir), config)
    _newest[:] = [made]
    return made


def _working_dir(name: str, pipelines_dir: str | Path | None) -> Path | None:
    above = Path(pipelines_dir) if pipelines_dir else default_dir()
    return above and above / name


def _with_one_member(config: Config) -> Config:
    """Return `config` with a static member where it names none.

    For a destination that lets one process in: that one must not wait for the session of the one that died before it.
    """
    kafka = config.kafka.model_copy(update={"instance_id": config.kafka.instance_id or _ONLY_MEMBER})
    return config.model_copy(update={"kafka": kafka})


def _bounded(retry: Retry) -> Retry:
    return retry if retry.give_up_seconds else retry.model_copy(update={"give_up_seconds": _PATIENCE_SECONDS})


def _script_name() -> str:
    return _PREFIX + (snake_case(Path(sys.argv[0]).stem) or "pipeline")
