"""`headrace demo`: the main job on one machine, in under a minute, with the proof at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anyio
import typer

from stream.errors import ConfigError


def demo(
    events: Annotated[int, typer.Option(min=2_000, help="How many events to produce.")] = 200_000,
    folder: Annotated[Path | None, typer.Option(help="Empty folder for the files; a temporary one if unsaid.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the events.")] = 7,
) -> None:
    """Produce events, kill the service twice in mid-commit, and prove that each event landed exactly once."""
    try:
        from stream.demo.play import play
    except ImportError as error:
        raise ConfigError(f"the demo lacks a package ({error}): pip install 'headrace[demo]'") from error
    proof = anyio.run(lambda: play(events, folder, seed=seed))
    raise typer.Exit(0 if proof.holds else 1)
