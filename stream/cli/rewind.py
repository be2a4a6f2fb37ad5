"""`headrace rewind`: load a stretch again, from an offset, an instant or the beginning on."""

from __future__ import annotations

import getpass
import socket
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stream.cli import options
from stream.cli.failures import reporting
from stream.cli.instants import METAVAR, instant

if TYPE_CHECKING:
    from collections.abc import Collection

    from sinks.audit import Rewound
    from stream.cli.outside import Outside
    from stream.operate.rewind import Target

EPILOG = """Examples:

  headrace rewind -c headrace.toml --topic orders --to-offset 120000 --partition 3

  headrace rewind -c headrace.toml --table orders --to-beginning

  headrace rewind -c headrace.toml --to-time 2026-11-24T00:00 --yes

  headrace rewind -c headrace.toml --topic orders --to-beginning --yes --json

Exit codes: 0 done or told, 2 wrong settings, 3 Kafka, 4 destination."""


def rewind(
    config: options.ConfigFile = None,
    brokers: options.Brokers = None,
    topic: options.Topics = None,
    table: Annotated[
        list[str] | None, typer.Option(help="Only topics that fill this table; may be given again.")
    ] = None,
    partition: Annotated[list[int] | None, typer.Option(help="Only this partition; may be given again.")] = None,
    to_offset: Annotated[int | None, typer.Option(min=0, help="The next offset to load.")] = None,
    to_time: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar=METAVAR, help="From the first record on since then: 2026-11-24, or 36h."),
    ] = None,
    to_beginning: Annotated[bool, typer.Option("--to-beginning", help="From where the log begins.")] = False,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Delete what was loaded from there on, and load it again: rows, their children, rejects, ledger and position.

    Without --yes it only tells what it would take away. It is one transaction under a new epoch: running services
    are fenced, claim anew, and go on from there; nothing need be stopped.
    """
    with reporting(debug=debug):
        from stream.cli.outside import asked, loaded
        from stream.errors import ConfigError
        from stream.operate.rewind import Target

        if (to_offset is not None) + (to_time is not None) + to_beginning != 1:
            raise ConfigError("say where to: one of --to-offset, --to-time and --to-beginning")
        given = options.overrides(brokers=brokers, to=to, dataset=dataset, pipeline=pipeline)
        ready = loaded(config, given, topic)
        target = Target(to_offset, to_time)
        done = asked(
            ready, lambda outside: _rewind(outside, target, topic or (), table or (), partition or (), do_it=yes)
        )
        _tell(done, as_json=as_json)


async def _rewind(
    outside: Outside,
    target: Target,
    topics: Collection[str],
    tables: Collection[str],
    numbers: Collection[int],
    *,
    do_it: bool,
) -> Rewound:
    from stream.operate.rewind import chosen_partitions, targets
    from stream.operate.scopes import refuse_history, scopes_of, topics_into, topics_of
    from stream.source.log_reader import reading

    states = await outside.audit.states()
    wanted = topics_of(states, topics)
    schema = await outside.sink.schema()
    limit = outside.sink.capabilities.max_identifier_bytes
    scopes = scopes_of(outside.config, schema, wanted, limit, topics_of(states))
    if tables:
        wanted = topics_into(tables, scopes)
    refuse_history((scope for scope in scopes if scope.topic in wanted), schema)
    async with reading(outside.config.kafka) as reader:
        offsets = await targets(target, chosen_partitions(states, wanted, numbers), reader)
    if not do_it:
        return await outside.audit.rehearse_rewind(scopes, offsets)
    return await outside.audit.rewind(scopes, offsets, f"{getpass.getuser()}@{socket.gethostname()}")


def _tell(done: Rewound, *, as_json: bool) -> None:
    from stream.cli.printing import print_json, print_table

    if as_json:
        parts = [
            {
                "topic": part.partition.topic,
                "partition": part.partition.number,
                "position": part.since,
                "to": part.to,
                "rows": part.rows,
                "rejects": part.rejects,
            }
            for part in done.partitions
        ]
        answer = {"done": done.epoch > 0, "epoch": done.epoch, "partitions": parts, "children": dict(done.children)}
        print_json(answer)
        return
    if not done.partitions:
        print("nothing to do: no position lies past where you want to go")
        return
    rows = ((str(p.partition), p.since, p.to, p.rows, p.rejects) for p in done.partitions)
    print_table(("partition", "position", "back to", "rows", "rejects"), rows)
    for table, count in done.children.items():
        print(f"and {count:,} rows of {table}")
    print(f"done, under epoch {done.epoch}" if done.epoch else "nothing was changed; do it with --yes")
