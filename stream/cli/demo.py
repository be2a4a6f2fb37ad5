"""`headrace demo`: the main job on one machine, in under a minute, with the proof at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anyio
import typer


def demo(
    events: Annotated[int, typer.Option(min=2_000, help="How many events to produce.")] = 200_000,
    folder: Annotated[Path | None, typer.Option(help="Where to leave the files; a temporary folder if unsaid.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the events.")] = 7,
) -> None:
    """Produce events, kill the service twice in mid-commit, and prove that each event landed exactly once."""
    from stream.demo.play import play

    proof = anyio.run(lambda: play(events, folder, seed=seed))
    raise typer.Exit(0 if proof.holds else 1)
