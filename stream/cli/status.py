"""`headrace status`: what the destination holds, and how far it is behind Kafka."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.cli import options
from stream.cli.failures import reporting

if TYPE_CHECKING:
    from stream.cli.outside import Outside
    from stream.config.models import Config
    from stream.operate.status import PipelineStatus

EPILOG = """Examples:

  headrace status -c headrace.toml

  headrace status --to duckdb:///orders.duckdb --topic orders --json

  headrace status -c headrace.toml --watch 5

Exit codes: 0 told, 2 wrong settings, 4 destination."""

_CLEAR = "\x1b[2J\x1b[H"
_ANSWER_SECONDS = 5.0


def status(
    config: options.ConfigFile = None,
    brokers: options.Brokers = None,
    topic: options.Topics = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    count: Annotated[bool, typer.Option("--count", help="Count the rows of each table: slow in large ones.")] = False,
    watch: Annotated[float | None, typer.Option(min=0.5, help="Again every so many seconds, until Ctrl-C.")] = None,
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Show positions, lag, owners, loads, rejects and watermarks, as the destination has them.

    Needs no running service. Where a service holds a DuckDB file, its own /status is asked (service.http).
    """
    with reporting(debug=debug):
        from stream.cli.outside import loaded

        given = options.overrides(brokers=brokers, to=to, dataset=dataset, pipeline=pipeline)
        ready = loaded(config, given, topic)
        while True:
            _show(ready, count=count, as_json=as_json, clear=watch is not None)
            if watch is None:
                return
            time.sleep(watch)


def _show(config: Config, *, count: bool, as_json: bool, clear: bool) -> None:
    from sinks import Transient
    from stream.cli.outside import asked
    from stream.cli.printing import print_json

    try:
        found = asked(config, lambda outside: _asked(outside, count=count))
    except Transient as error:
        told = _of_service(config, error)
        print(json.dumps(told, indent=None if as_json else 1))
        return
    if as_json:
        print_json(found)
    else:
        if clear:
            print(_CLEAR, end="")
        _print(found)


async def _asked(outside: Outside, *, count: bool) -> PipelineStatus:
    from stream.operate.status import status as told

    where = outside.config.destination
    kind = outside.sink.capabilities.name
    return await told(outside.name, kind, where.dataset or "", outside.audit, outside.config.kafka, count=count)


def _of_service(config: Config, error: Exception) -> Any:
    """Return what the running service says of itself; raises `error` again when there is none to ask."""
    from stream.observe.http import parse_address

    if config.service.http is None:
        raise error
    host, port = parse_address(config.service.http)
    url = f"http://{host or '127.0.0.1'}:{port}/status"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # our own service, over http
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        raise error from None


def _print(found: PipelineStatus) -> None:
    from stream.cli.printing import print_table

    print(f"{found.pipeline} -> {found.destination}, dataset {found.dataset}")
    if found.paused is not None:
        print(f"PAUSED: {found.paused}")
    if found.kafka is not None:
        print(f"lag is unknown: {found.kafka}")
    print()
    print_table(
        ("topic", "partition", "position", "log end", "lag", "epoch", "owner", "moved at", "complete up to"),
        (
            (p.topic, p.partition, p.next_offset, p.log_end_offset, p.lag, p.epoch, p.owner or "nobody",
             p.updated_at, p.watermark)
            for p in found.partitions
        ),
    )  # fmt: skip
    for title, header, rows in _sections(found):
        if rows:
            print(f"\n{title}")
            print_table(header, rows)


def _sections(found: PipelineStatus) -> list[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    return [
        ("Topics", ("topic", "lag", "complete up to"), [(t.topic, t.lag, t.watermark) for t in found.topics]),
        ("Tables", ("table", "rows"), list(found.tables.items())),
        (
            "Rejects",
            ("topic", "reason", "records", "newest"),
            [(r.topic, r.reason, r.records, r.newest) for r in found.rejects],
        ),
        (
            "Last loads",
            ("at", "load", "topic", "partition", "from", "to", "rows", "rejects"),
            [
                (x.committed_at, x.load_id, x.topic, x.partition, x.start, x.stop, x.rows, x.rejected)
                for x in found.loads
            ],
        ),
        (
            "Schema",
            ("version", "tables", "columns", "since"),
            [(v.version, v.tables, v.columns, v.created_at) for v in found.schema],
        ),
    ]
