"""The demo from curtain to curtain."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stream.demo.broker import running_broker
from stream.demo.ports import free_port
from stream.demo.produce import create, fill
from stream.demo.proof import Proof, prove, read_topic
from stream.demo.report import show
from stream.demo.service import Service, running_service
from stream.errors import ConfigError, HeadraceError

_TOPIC: Final = "orders"
_DATASET: Final = "shop"
_PARTITIONS: Final = 4
_BATCHES: Final = 20  # enough of them for both deaths
_DEATHS: Final = ("commit.before_send=kill@4", "commit.after_send=kill@6")
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays: a folder, an address, and how many events."""

    folder: Path
    address: str
    count: int

    @property
    def database(self) -> Path:
        """Return the DuckDB file."""
        return self.folder / "shop.duckdb"


async def play(count: int, folder: Path | None, *, seed: int) -> Proof:
    """Run the whole demo with `count` events, print what happened, and return the proof.

    The files stay in `folder` (a fresh temporary one when None) for whoever wants to look. Raises `ConfigError` when
    it is not an empty folder.
    """
    console = Console()
    home = _fresh(folder)
    console.print(f"[bold]headrace demo[/]: {count:,} nested orders, an embedded broker, DuckDB. Files: {home}")
    async with running_broker() as address:
        stage = Stage(home, address, count)
        await _act(stage, console, seed)
        console.print("Reading the topic again, without headrace, to compare ...")
        events = await read_topic(address, _TOPIC, count)
    proof = prove(stage.database, _DATASET, _TOPIC, events)
    show(console, stage.database, _DATASET, proof)
    return proof


def _fresh(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="headrace-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"--folder {folder} is not empty: name a new one, so that the demo overwrites nothing")
    except OSError as error:
        raise ConfigError(f"--folder {folder} cannot be used: {error.strerror}; name another one") from error
    return folder


async def _act(stage: Stage, console: Console, seed: int) -> None:
    config = _configured(stage)
    await create(stage.address, _TOPIC, _PARTITIONS)
    with _Bars(console, stage.count) as bars:
        async with anyio.create_task_group() as group:
            produce = partial(fill, partitions=_PARTITIONS, seed=seed, tell=bars.produced)
            group.start_soon(produce, stage.address, _TOPIC, stage.count, name="produce")
            for life, failpoints in enumerate((*_DEATHS, ""), start=1):
                await _live(stage, config, bars, life, failpoints)


async def _live(stage: Stage, config: Path, bars: _Bars, life: int, failpoints: str) -> None:
    log = stage.folder / f"service-{life}.log"
    async with running_service(config, free_port(), log, failpoints=failpoints) as service:
        bars.say(f"service, life {life}: started" + (f", armed with {failpoints}" if failpoints else ""))
        await _watched(service, bars, service.killed if failpoints else _caught_up(service, stage.count))
    bars.say(f"service, life {life}: " + ("killed with SIGKILL in mid-commit" if failpoints else "drained, exit 0"))


def _caught_up(service: Service, count: int) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        while await service.committed() < count:
            if service.process.returncode is not None:
                raise HeadraceError(f"the service ended with exit code {service.process.returncode}: see {service.log}")
            await anyio.sleep(0.1)
        await service.drained()

    return wait


async def _watched(service: Service, bars: _Bars, end: Callable[[], Awaitable[None]]) -> None:
    async def watch() -> None:
        while True:
            bars.committed(await service.committed())
            await anyio.sleep(0.2)

    with anyio.fail_after(_PATIENCE_SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(watch, name="watch")
            await end()
            group.cancel_scope.cancel()


def _configured(stage: Stage) -> Path:
    path = stage.folder / "headrace.toml"
    path.write_text(
        f"""\
pipeline = "demo"

[kafka]
brokers = "{stage.address}"
topics = ["{_TOPIC}"]
session_timeout_seconds = 3  # this broker lets a member wait that long before it joins

[destination]
url = "duckdb:///{stage.database}"
dataset = "{_DATASET}"

[batching]
max_rows = {max(1, stage.count // _BATCHES)}
""",
        encoding="utf-8",
    )
    return path


class _Bars:
    """Two bars on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, count: int) -> None:
        self._console = console
        self._began = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._produced = self._progress.add_task("produced", total=count)
        self._committed = self._progress.add_task("committed", total=count)
        self._most = 0

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def produced(self, count: int) -> None:
        """Show how many events the broker has acknowledged."""
        self._progress.update(self._produced, completed=count)
        if count % 50_000 == 0:
            self._plainly(f"produced {count:,}")

    def committed(self, count: int) -> None:
        """Show how many events are durable; a service that is just starting has nothing to tell yet."""
        if count > self._most:
            self._most = count
            self._progress.update(self._committed, completed=count)
            self._plainly(f"committed {count:,}")

    def say(self, text: str) -> None:
        """Print one line above the bars."""
        self._console.print(f"[{time.monotonic() - self._began:5.1f} s] {text}", highlight=False, markup=False)

    def _plainly(self, text: str) -> None:
        if not self._console.is_terminal:
            self.say(text)
