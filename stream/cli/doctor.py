"""`headrace doctor`: is everything there that a run needs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from stream.cli import options
from stream.cli.failures import reporting

if TYPE_CHECKING:
    from stream.cli.outside import Outside
    from stream.operate.examination import Check

EPILOG = """Examples:

  headrace doctor -c headrace.toml

  headrace doctor --topic orders --to postgresql://loader@db/warehouse --json

Exit codes: 0 nothing bad, 1 something bad, 2 wrong settings."""

_SIGNS = {"well": "ok ", "odd": "odd", "bad": "BAD"}


def doctor(
    config: options.ConfigFile = None,
    brokers: options.Brokers = None,
    topic: options.Topics = None,
    to: options.To = None,
    dataset: options.Dataset = None,
    pipeline: options.PipelineName = None,
    as_json: options.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Look at versions, limits, brokers, rights, registry, destination, clocks: each is well, or comes with what to do.

    Changes nothing, joins no group.
    """
    with reporting(debug=debug):
        from stream.cli.outside import asked, loaded
        from stream.cli.printing import print_json

        given = options.overrides(brokers=brokers, to=to, dataset=dataset, pipeline=pipeline)
        checks = asked(loaded(config, given, topic), examined)
        if as_json:
            print_json(checks)
        else:
            for check in checks:
                print(f"{_SIGNS[check.verdict]} {check.name}: {check.text}")
    raise typer.Exit(1 if any(check.verdict == "bad" for check in checks) else 0)


async def examined(outside: Outside) -> list[Check]:
    """Return all checks of a pipeline."""
    from stream.api.destinations import default_group
    from stream.operate.doctor import Doctor

    group = outside.config.kafka.group or default_group(outside.name, outside.config)
    return [check async for check in Doctor(outside.config, group, outside.sink, outside.audit).examine()]
