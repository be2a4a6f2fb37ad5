"""The options that commands share: where a pipeline reads and writes, and how to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

ConfigFile: TypeAlias = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML or YAML file of the pipeline, as `headrace run` reads it.")
]
Brokers: TypeAlias = Annotated[str | None, typer.Option(help="Bootstrap servers, host:port[,host:port].")]
Topics: TypeAlias = Annotated[list[str] | None, typer.Option("--topic", help="Only this topic; may be given again.")]
To: TypeAlias = Annotated[str | None, typer.Option(help="Destination, as in duckdb:///orders.duckdb.")]
Dataset: TypeAlias = Annotated[str | None, typer.Option(help="Schema of the tables.")]
PipelineName: TypeAlias = Annotated[str | None, typer.Option("--pipeline", help="Name that owns the positions.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Answer in JSON, on stdout.")]
Debug: TypeAlias = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do it; without, only tell what would be done.")]


def overrides(*, brokers: str | None, to: str | None, dataset: str | None, pipeline: str | None) -> dict[str, Any]:
    """Return what was given on the command line, by setting."""
    return {
        "kafka.brokers": brokers,
        "destination.url": to,
        "destination.dataset": dataset,
        "pipeline": pipeline,
    }
