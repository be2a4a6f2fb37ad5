"""`headrace rejects`: the records that were set aside, and what to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from stream.cli import options
from stream.cli.failures import reporting

if TYPE_CHECKING:
    from sinks.audit import RejectFilter
    from stream.cli.outside import Outside
    from stream.config.models import Config
    from stream.operate.replay import Replayed

app = typer.Typer(
    help="The records that were set aside: look at them, load them again after a fix, or let them go.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Topic: TypeAlias = Annotated[str | None, typer.Option(help="Only of this topic.")]
PartitionNumber: TypeAlias = Annotated[int | None, typer.Option(help="Only of this partition.")]
Offset: TypeAlias = Annotated[int | None, typer.Option(help="Only the record at this offset.")]
Reason: TypeAlias = Annotated[str | None, typer.Option(help="Only for this reason, as `rejects list` tells it.")]

_CODES = "Exit codes: 0 done or told, 2 wrong settings, 4 destination, 6 somebody else replayed them."
_PAGE = 500
_SHOWN_BYTES = 400


@app.command(
    "list",
    epilog=f"Example:\n\n  headrace rejects list -c headrace.toml\n\n{_CODES}",
)
def list_(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    as_json: options.AsJson = False,
) -> None:
    """Count what was set aside, by topic and reason."""
    with reporting():
        from stream.cli.outside import asked
        from stream.cli.printing import print_json, print_table

        counts = asked(_loaded(config, to, dataset, pipeline), lambda outside: outside.audit.reject_counts())
        if as_json:
            print_json(list(counts))
        elif counts:
            print_table(
                ("topic", "reason", "records", "newest"), [(c.topic, c.reason, c.records, c.newest) for c in counts]
            )
        else:
            print("nothing was set aside")


@app.command(
    epilog=f"Example:\n\n  headrace rejects show -c headrace.toml --topic orders --reason invalid_json\n\n{_CODES}"
)
def show(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    topic: Topic = None,
    partition: PartitionNumber = None,
    offset: Offset = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 10,
    as_json: options.AsJson = False,
) -> None:
    """Show records that were set aside: where they were, why, and their bytes."""
    with reporting():
        from stream.cli.outside import asked
        from stream.cli.printing import instant, print_json

        which = _filter(topic, partition, offset, reason)
        ready = _loaded(config, to, dataset, pipeline)
        rows = asked(ready, lambda outside: outside.audit.rejects(which, limit=limit))
        if as_json:
            print_json(list(rows))
            return
        for row in rows:
            print(f"{row.topic}[{row.partition}] at {row.offset}, {instant(row.timestamp) or 'no time'}: {row.reason}")
            print(f"  {row.error}")
            print(f"  {_shown(row.value)}")


@app.command(epilog=f"Example:\n\n  headrace rejects export rejects.jsonl -c headrace.toml --topic orders\n\n{_CODES}")
def export(
    file: Annotated[Path, typer.Argument(help="File to write: one JSON object a line, bytes in base64.")],
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    topic: Topic = None,
    partition: PartitionNumber = None,
    offset: Offset = None,
    reason: Reason = None,
) -> None:
    """Write records that were set aside to a file, with all their bytes."""
    with reporting():
        from stream.cli.outside import asked

        which = _filter(topic, partition, offset, reason)
        ready = _loaded(config, to, dataset, pipeline)
        count = asked(ready, lambda outside: _export(outside, which, file))
        print(f"{count:,} records to {file}")


@app.command(
    epilog=(
        "Examples:\n\n  headrace rejects replay -c headrace.toml --topic orders --reason too_deep\n\n"
        f"  headrace rejects replay -c headrace.toml --yes\n\n{_CODES}"
    )
)
def replay(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    topic: Topic = None,
    partition: PartitionNumber = None,
    offset: Offset = None,
    reason: Reason = None,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
) -> None:
    """Load records again that were set aside, under the settings of now; those that still do not fit stay.

    A record becomes a row in the same commit in which it ceases to be a reject: repeating doubles nothing. Without
    --yes it only tells how many would fit.
    """
    with reporting():
        from stream.cli.outside import asked
        from stream.cli.printing import print_json

        which = _filter(topic, partition, offset, reason)
        ready = _loaded(config, to, dataset, pipeline)
        done = asked(ready, lambda outside: _replay(outside, which, do_it=yes))
        if as_json:
            print_json({"done": yes, "rows": done.rows, "still": done.still})
            return
        print(f"{done.rows:,} records {'are rows now' if yes else 'would fit; do it with --yes'}")
        for why, count in sorted(done.still.items()):
            print(f"{count:,} records still do not: {why}")


@app.command(epilog=f"Example:\n\n  headrace rejects drop -c headrace.toml --reason invalid_json --yes\n\n{_CODES}")
def drop(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    topic: Topic = None,
    partition: PartitionNumber = None,
    offset: Offset = None,
    reason: Reason = None,
    yes: options.Yes = False,
) -> None:
    """Delete records that were set aside. The ledger counts them as skipped from then on. Without --yes, only count."""
    with reporting():
        from stream.cli.outside import asked

        which = _filter(topic, partition, offset, reason)
        ready = _loaded(config, to, dataset, pipeline)
        if yes:
            print(f"{asked(ready, lambda outside: outside.audit.drop_rejects(which)):,} records are gone")
        else:
            count = asked(ready, lambda outside: _count(outside, which))
            print(f"{count:,} records would be gone; do it with --yes")


def _loaded(file: Path | None, to: str | None, dataset: str | None, pipeline: str | None) -> Config:
    from stream.cli.outside import loaded

    return loaded(file, options.overrides(brokers=None, to=to, dataset=dataset, pipeline=pipeline))


def _filter(topic: str | None, partition: int | None, offset: int | None, reason: str | None) -> RejectFilter:
    from sinks.audit import RejectFilter

    return RejectFilter(topic, partition, offset, reason)


async def _export(outside: Outside, which: RejectFilter, file: Path) -> int:
    import json
    from base64 import b64encode
    from dataclasses import asdict

    from stream.operate.replay import pages

    def plain(value: object) -> str:
        return b64encode(value).decode() if isinstance(value, bytes) else str(value)

    count = 0
    with file.open("w", encoding="utf-8") as out:
        async for some in pages(outside.audit, which, _PAGE):
            out.writelines(json.dumps(asdict(row), default=plain) + "\n" for row in some)
            count += len(some)
    return count


async def _count(outside: Outside, which: RejectFilter) -> int:
    from stream.operate.replay import pages

    return sum([len(some) async for some in pages(outside.audit, which, _PAGE)])


async def _replay(outside: Outside, which: RejectFilter, *, do_it: bool) -> Replayed:
    from stream.operate.replay import Replay
    from stream.operate.scopes import topics_of
    from stream.operate.shaping import shaper_of, stored_origins
    from stream.runtime.ids import load_ids

    topics = topics_of(await outside.audit.states())
    shaper = shaper_of(outside.config, outside.sink, await stored_origins(outside.sink, topics))
    return await Replay(shaper, outside.sink, outside.audit, load_ids()).run(which, do_it=do_it)


def _shown(value: bytes | None) -> str:
    if value is None:
        return "no value"
    text = value[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f"{text}... ({len(value):,} bytes)" if len(value) > _SHOWN_BYTES else text
