"""`headrace config`: what can be set, and whether what is set makes sense."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.failures import reporting

app = typer.Typer(
    help="What can be set, and whether what is set makes sense.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors and validators."""
    from stream.config.reference import json_schema

    print(json.dumps(json_schema(), indent=2))


@app.command()
def check(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML or YAML file.")] = None,
) -> None:
    """Print the configuration that a run would have, without its secrets; fail when it could not run.

    `effective` says what holds for each topic, and where that was written: file, variable or default. Of a run by
    kafka.pattern, it tells of the topics that the settings name whole.
    """
    with reporting():
        from stream.api.create import pipeline_of
        from stream.api.destinations import open_sink
        from stream.config import loader as settings
        from stream.config.topic_settings import described, settings_for, topics_to_tell, unmatched_patterns
        from stream.observe.http import parse_address
        from stream.source.security import security_arguments

        loaded = settings.load(config, os.environ, {})
        settings.require_complete(loaded)
        open_sink(pipeline_of(loaded).pipeline_name, loaded)  # not connected: knows scheme, URL and driver
        security_arguments(loaded.kafka.security)
        if loaded.service.http is not None:
            parse_address(loaded.service.http)
        origins = settings.origins(config, os.environ)
        effective = {topic: described(settings_for(loaded, topic), origins) for topic in topics_to_tell(loaded)}
        print(json.dumps({**settings.public(loaded), "effective": effective}, indent=2))
        for pattern in unmatched_patterns(loaded):
            print(f'headrace: topics."{pattern}" matches no topic of this run', file=sys.stderr)


@app.command(hidden=True)
def docs() -> None:
    """Print docs/configuration.md."""
    from stream.config.reference import configuration_page

    print(configuration_page(), end="")


@app.command(hidden=True)
def metrics(page: Annotated[Path, typer.Argument(help="docs/metrics.md")]) -> None:
    """Write the table of all metrics into the page that describes them."""
    from stream.observe.instruments import Instruments, with_table

    page.write_text(with_table(page.read_text(encoding="utf-8"), Instruments().table()), encoding="utf-8")
