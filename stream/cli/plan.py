"""`headrace plan`: what a run would do, from a sample."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.cli.failures import reporting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.api.plan import Plan
    from stream.config.models import Config


class End(StrEnum):
    """The end of the log that a sample is taken from."""

    OLDEST = "oldest"
    NEWEST = "newest"


def plan(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML or YAML file.")] = None,
    brokers: Annotated[str | None, typer.Option(help="Bootstrap servers, host:port[,host:port].")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Topic to look at; may be given again.")] = None,
    to: Annotated[str | None, typer.Option(help="Destination, as in duckdb:///orders.duckdb.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Schema of the tables.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Name of the pipeline.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Records to look at, of each topic.")] = 1_000,
    end: Annotated[End, typer.Option("--from", help="Which end of the log to look at.")] = End.NEWEST,
    file: Annotated[
        Path | None, typer.Option("--file", help="Look at the lines of this file instead, one JSON document each.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what a run would do with a sample: tables, columns, DDL and rejects. Moves nothing, writes nothing.

    No consumer group is joined, and nothing is created in the destination.

    Examples: headrace plan -c headrace.toml; headrace plan --topic orders --to duckdb:///x.duckdb --file sample.jsonl
    """
    given = {
        "pipeline": pipeline,
        "kafka.brokers": brokers,
        "kafka.topics": topic or None,
        "destination.url": to,
        "destination.dataset": dataset,
    }
    with reporting():
        import anyio

        from stream.api.create import pipeline_of
        from stream.config import loader as settings

        loaded = settings.load(config, os.environ, given)
        settings.require_complete(loaded)
        made = pipeline_of(loaded)
        plans = anyio.run(_plans, made.config, made.pipeline_name, sample, end, file)
        if as_json:
            print(json.dumps([_as_json(each) for each in plans], indent=2))
        else:
            for each in plans:
                _show(each)


async def _plans(config: Config, pipeline: str, records: int, end: End, file: Path | None) -> list[Plan]:
    from stream.api.destinations import open_sink
    from stream.api.plan import plan_of, records_of_lines
    from stream.api.schema_files import import_schema
    from stream.errors import ConfigError
    from stream.source.sample import sample

    if not config.kafka.topics:
        raise ConfigError("a plan looks at topics by name: give --topic, or kafka.topics in the file")
    named = config.model_copy(update={"pipeline": pipeline})
    folder = config.import_schema_path
    imported = import_schema(folder, pipeline) if folder else None
    sink = open_sink(pipeline, named)
    try:
        plans = []
        for topic in config.kafka.topics:
            raw = (
                records_of_lines(file, topic)
                if file
                else await sample(config.kafka, topic, records=records, end=end.value)
            )
            plans.append(await plan_of(named, sink, topic, raw, imported))
        return plans
    finally:
        await sink.aclose()


def _show(plan: Plan) -> None:
    from stream.cli.schema_lines import print_lines

    print_lines(_lines(plan))


def _lines(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what a person reads, line by line, with a style each."""
    from stream.cli.schema_lines import statement_lines, table_lines

    yield f"{plan.topic}: {plan.records} records looked at", "bold"
    yield from table_lines(plan.schema, {table: f"  {rows} rows" for table, rows in plan.rows.items()})
    yield from statement_lines(plan.statements)
    for reason, count in plan.rejected.items():
        yield f"! {count} rejected: {reason}, such as: {plan.errors[reason]}", "red"
    for reason, count in plan.skipped.items():
        yield f"  {count} skipped: {reason}", "dim"
    if not plan.schema.changes:
        yield "  the destination needs no change", "dim"


def _as_json(plan: Plan) -> dict[str, object]:
    from stream.api.plan import tables_of
    from stream.observe.formatting import describe

    return {
        "topic": plan.topic,
        "records": plan.records,
        "rows": dict(plan.rows),
        "tables": tables_of(plan.schema.target, plan.rows),
        "changes": [describe(change) for change in plan.schema.changes],
        "statements": list(plan.statements),
        "rejected": dict(plan.rejected),
        "errors": dict(plan.errors),
        "skipped": dict(plan.skipped),
    }
