"""`headrace run`: events to tables, until it is stopped or up to date."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.cli.failures import reporting

if TYPE_CHECKING:
    from stream.api.load_info import LoadInfo
    from stream.api.pipeline import Pipeline
    from stream.observe import Observer


def run(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="TOML or YAML file; see docs/configuration.md.")
    ] = None,
    brokers: Annotated[str | None, typer.Option(help="Bootstrap servers, host:port[,host:port].")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Topic to read; may be given again.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Regular expression for whole names of topics.")] = None,
    group: Annotated[str | None, typer.Option(help="Consumer group.")] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Where to begin in a new topic: earliest, latest or a timestamp."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="'latest': stop at the offsets seen at the start.")] = None,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Go on past offsets that are gone.")] = False,
    to: Annotated[str | None, typer.Option(help="Destination, as in duckdb:///orders.duckdb.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Schema of the tables.")] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="Name that owns the positions; the topic's when there is one topic.")
    ] = None,
    http: Annotated[str | None, typer.Option(help="Serve metrics, health and status at :port.")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    approve_ddl: Annotated[
        bool,
        typer.Option("--approve-ddl", help="Ask before tables change; without a terminal stop with exit code 8."),
    ] = False,
    progress: Annotated[bool | None, typer.Option("--progress/--no-progress", help="Show progress.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Load events from Kafka into tables, each exactly once, until Ctrl-C or SIGTERM.

    Whatever is not given here comes from the environment, then from the file, then from the defaults.
    """
    given = {
        "pipeline": pipeline,
        "kafka.brokers": brokers,
        "kafka.topics": topic or None,
        "kafka.pattern": pattern,
        "kafka.group": group,
        "kafka.start": start,
        "kafka.until": until,
        "kafka.accept_loss": accept_loss or None,
        "destination.url": to,
        "destination.dataset": dataset,
        "service.http": http,
        "service.log_format": log_format,
        "service.log_level": log_level,
    }
    with reporting(debug=debug):
        _carry(config, given, progress=progress, debug=debug, approve_ddl=approve_ddl)


def _carry(file: Path | None, given: dict[str, Any], *, progress: bool | None, debug: bool, approve_ddl: bool) -> None:
    import anyio

    from stream.api.create import pipeline_of
    from stream.cli.process import tune_process
    from stream.cli.watch import log_format_of, watched
    from stream.config import loader as settings

    config = settings.load(file, os.environ, given)
    settings.require_complete(config)
    made = pipeline_of(config)
    tune_process()
    for_people = log_format_of(config) == "console"
    if approve_ddl and progress is None:
        progress = False  # it would draw over the question
    with (
        reporting(debug=debug, in_log=not for_people, secrets=settings.secrets(config)),
        watched(made.pipeline_name, config, progress=progress) as observe,
    ):
        info = anyio.run(_until_stopped, made, observe, approve_ddl)
    if for_people:
        print(info)


async def _until_stopped(made: Pipeline, observe: Observer, approve_ddl: bool) -> LoadInfo:
    from dataclasses import replace

    from stream.cli.approve import TerminalApproval
    from stream.extract.kafka import KafkaEvents
    from stream.runtime.signals import stopped_by_signals

    async with stopped_by_signals() as stopping:
        if approve_ddl:
            asking = replace(made.options, approve=TerminalApproval(stopping).ask)
            made = replace(made, options=asking)
        return await made.run_async(KafkaEvents(made.config.kafka), observe=observe, stopping=stopping)
