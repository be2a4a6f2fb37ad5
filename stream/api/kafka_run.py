"""Running a stream: events from Kafka until told to stop, or until the offsets that were latest."""

from __future__ import annotations

from typing import Final

import anyio

from sinks import fit_dataset
from stream.api.destinations import default_group, open_sink, redacted, require_destination
from stream.api.failed_step import StepWatch
from stream.api.load_info import LoadInfo
from stream.api.load_info_builder import LoadInfoBuilder
from stream.api.options import MakeSink
from stream.config.models import Config
from stream.extract.kafka import KafkaEvents
from stream.observe.facts import Observer, to_all
from stream.runtime.approval import Ask
from stream.runtime.imported_schema import NO_FILES, SchemaFiles
from stream.runtime.service import serve
from stream.source.budget import Budget
from stream.source.kafka import KafkaSource

_ONLY_MEMBER: Final = "only"  # in a group of its own, with this destination's mark in its name


async def run_stream(
    pipeline: str,
    config: Config,
    events: KafkaEvents,
    observe: Observer,
    stopping: anyio.Event,
    make_sink: MakeSink | None = None,
    approve: Ask | None = None,
    files: SchemaFiles = NO_FILES,
) -> LoadInfo:
    """Carry `events` to the destination of `config`, and return what was done when it ends.

    `approve` is asked before tables change, `files` brings tables and writes the schema down. Raises
    `PipelineStepFailed` where a step failed.
    """
    config = config.model_copy(update={"kafka": events.config})
    group = events.config.group or default_group(pipeline, config)
    sink = open_sink(pipeline, config, make_sink)
    if sink.capabilities.single_process and not events.config.group:
        config = _with_one_member(config)

    def open_source(config: Config, budget: Budget) -> KafkaSource:
        return KafkaSource(config.kafka, config.batching, budget, group=group, wants_headers=True)

    dataset = fit_dataset(config.destination.dataset or pipeline, sink.capabilities)
    where = redacted(require_destination(pipeline, config.destination))
    info = LoadInfoBuilder(pipeline, sink.capabilities.name, dataset, where)
    steps = StepWatch()
    try:
        watchers = to_all(info.observe, steps.observe, observe)
        await serve(pipeline, config, sink, open_source, watchers, stopping=stopping, approve=approve, files=files)
    except Exception as error:
        if failure := steps.failure(error):
            raise failure from error
        raise
    return info.build()


def _with_one_member(config: Config) -> Config:
    """Return `config` with a static member where it names none.

    For a destination that lets one process in: that one must not wait for the session of the one that died before it.
    """
    kafka = config.kafka.model_copy(update={"instance_id": config.kafka.instance_id or _ONLY_MEMBER})
    return config.model_copy(update={"kafka": kafka})
