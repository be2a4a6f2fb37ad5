"""`headrace trace`: which event a row comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stream.cli import options
from stream.cli.failures import reporting

if TYPE_CHECKING:
    from stream.cli.outside import Outside
    from stream.operate.trace import Trace

EPILOG = """Examples:

  headrace trace 6a1f0c2b9d-3-120044 -c headrace.toml

  headrace trace 6a1f0c2b9d-3-120044 -c headrace.toml --json

Exit codes: 0 told, 2 no such row or wrong settings, 3 Kafka, 4 destination."""


def trace(
    row_id: Annotated[str, typer.Argument(help="The row's _hr_id, of a root table or of a child table.")],
    config: options.ConfigFile = None,
    brokers: options.Brokers = None,
    topic: options.Topics = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    raw: Annotated[bool, typer.Option("--raw", help="Show events with private fields too, as Kafka has them.")] = False,
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Tell a row's topic, partition, offset and load, and the event's bytes as Kafka still has them."""
    with reporting(debug=debug):
        from stream.cli.outside import asked, loaded
        from stream.cli.printing import print_json

        given = options.overrides(brokers=brokers, to=to, dataset=dataset, pipeline=pipeline)
        found = asked(loaded(config, given, topic), lambda outside: _trace(outside, row_id, raw=raw))
        if as_json:
            print_json(found)
        else:
            _print(found)


async def _trace(outside: Outside, row_id: str, *, raw: bool) -> Trace:
    from stream.operate.trace import trace as traced
    from stream.source.log_reader import reading

    await outside.audit.states()
    schema = await outside.sink.schema()
    async with reading(outside.config.kafka) as reader:
        return await traced(row_id, outside.config, outside.audit, schema, reader, raw=raw)


def _print(found: Trace) -> None:
    from stream.cli.printing import instant

    row = found.row
    lines = [("row", f"{row.row_id} in {row.table}")]
    if row.table != row.root_table:
        lines.append(("belongs to", f"{row.root_id} in {row.root_table}"))
    lines.append(("loaded by", row.load_id))
    if found.topic is None:
        lines.append(("event", "none: this row does not come from Kafka, or its ledger line is gone"))
    else:
        lines.append(("event", f"{found.topic}[{row.partition}] at offset {row.offset}"))
    if found.load is not None:
        load = found.load
        lines.append(("ledger", f"{load.load_id}, offsets {load.start_offset}..{load.stop_offset}, by {load.owner}"))
    if found.withheld:
        lines.append(("bytes", "withheld, since the topic has private fields; --raw shows what Kafka has"))
    elif found.in_log:
        lines += [
            ("taken at", instant(found.timestamp) or "-"),
            ("key", _readable(found.key)),
            ("value", _readable(found.value)),
        ]
    elif found.topic is not None:
        lines.append(("bytes", "the log does not hold them any more"))
    for name, text in lines:
        print(f"{name:<11} {text}")


def _readable(data: bytes | None) -> str:
    return "-" if data is None else data.decode("utf-8", "backslashreplace")
