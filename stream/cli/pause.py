"""`headrace pause` and `headrace resume`: a wish kept in the destination, which all replicas follow."""

from __future__ import annotations

from typing import Annotated

import typer

from stream.cli import options
from stream.cli.failures import reporting

PAUSE_EPILOG = """Examples:

  headrace pause -c headrace.toml --why "warehouse maintenance"

  headrace pause --to postgresql://loader@db/warehouse --pipeline shop

Exit codes: 0 done, 2 wrong settings, 4 destination."""

RESUME_EPILOG = """Example:

  headrace resume -c headrace.toml

Exit codes: 0 done, 2 wrong settings, 4 destination."""


def pause(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    why: Annotated[str, typer.Option(help="The reason, for those who look at it.")] = "paused by an operator",
    debug: options.Debug = False,
) -> None:
    """Have all replicas of a pipeline stop reading, within seconds; what they have read is committed first.

    They stay in the consumer group, keep their partitions, and are ready. The wish outlives restarts.
    """
    _wish(config, options.overrides(brokers=None, to=to, dataset=dataset, pipeline=pipeline), why, debug=debug)


def resume(
    config: options.ConfigFile = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    debug: options.Debug = False,
) -> None:
    """Have all replicas of a paused pipeline go on."""
    _wish(config, options.overrides(brokers=None, to=to, dataset=dataset, pipeline=pipeline), None, debug=debug)


def _wish(config: options.ConfigFile, given: dict[str, object], why: str | None, *, debug: bool) -> None:
    with reporting(debug=debug):
        from stream.cli.outside import asked, loaded

        ready = loaded(config, given)
        asked(ready, lambda outside: outside.audit.pause(why))
        print(f"{ready.pipeline}: {'goes on' if why is None else 'pauses: ' + why}")
