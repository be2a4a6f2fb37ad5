"""`make demo-cdc`: a PostgreSQL followed into DuckDB by Debezium and headrace, with deaths on the way and the proof."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table as Grid

from cdc import shop
from cdc.comparison import Comparison, compare, has_row
from servers import connect, run
from servers.connect import ConnectServer
from servers.kafka import KafkaServer
from servers.missing import ServerMissing
from servers.process import ServerFailed, free_port
from support.service import Service, fetch, headrace, running, wait_until

PREFIX: Final = "demo"
DATASET: Final = "shop"
PATIENCE_SECONDS: Final = 120.0
MID_COMMIT: Final = "commit.after_send=kill@2"

CONFIG: Final = """\
pipeline = "cdc"

[kafka]
brokers = "{brokers}"
topics = [{topics}]

[destination]
url = "duckdb:///{file}"
dataset = "{dataset}"

[tables]
format = "debezium"
"""
COMMITTED: Final = re.compile(r"^headrace_committed_offset\{[^}]*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo plays on."""

    console: Console
    began: float
    source: str
    kafka: KafkaServer
    connect: ConnectServer
    config: Path
    file: Path
    port: int

    def say(self, text: str) -> None:
        """Print one line with the time since the curtain went up."""
        self.console.print(f"[{time.monotonic() - self.began:5.1f} s] {text}", highlight=False, markup=False)

    @contextmanager
    def service(self, failpoints: str = "") -> Iterator[Service]:
        """Give one life of headrace."""
        http = ("--http", f"127.0.0.1:{self.port}")
        with running("-c", str(self.config), *http, failpoints=failpoints) as service:
            yield service

    def committed(self) -> int:
        """Return the sum of the durable offsets, as the service itself tells; 0 while it does not answer."""
        try:
            return sum(int(float(value)) for value in COMMITTED.findall(fetch(f"http://127.0.0.1:{self.port}/metrics")))
        except OSError:
            return 0


def play(changes: int, folder: Path, *, seed: int) -> list[Comparison]:
    """Run the demo and return how the tables compare at its end."""
    console = Console()
    console.print(f"[bold]make demo-cdc[/]: PostgreSQL, Debezium, Kafka, headrace, DuckDB. Files: {folder}")
    with _set_up(console, folder) as stage:
        _act(stage, changes, seed)
        stage.say("comparing each table with its source, row by row and value by value, without headrace ...")
        found = compare(stage.source, stage.file, DATASET, shop.TABLES)
    _show(console, found)
    return found


@contextmanager
def _set_up(console: Console, folder: Path) -> Iterator[Stage]:
    began = time.monotonic()
    with ExitStack() as stack:
        kafka = KafkaServer()
        stack.callback(kafka.close)
        kafka.start()
        source = stack.enter_context(shop.opened()).dsn
        worker = stack.enter_context(connect.following(kafka.bootstrap, source, schema=shop.SCHEMA, prefix=PREFIX))
        file, config = folder / "warehouse.duckdb", folder / "headrace.toml"
        config.write_text(_config(kafka.bootstrap, file))
        stage = Stage(console, began, source, kafka, worker, config, file, free_port())
        wait_until(worker.running, seconds=PATIENCE_SECONDS, tell=lambda: worker.log)
        _wait_for_topics(kafka.bootstrap)
        stage.say("PostgreSQL with logical decoding, Kafka, and Kafka Connect with Debezium are up")
        yield stage


def _topics() -> dict[str, str]:
    """Return the tables by the topics that Debezium gives them."""
    return {f"{PREFIX}.{shop.SCHEMA}.{table}": table for table in shop.TABLES}


def _wait_for_topics(brokers: str) -> None:
    """Return when all are there: Connect makes one when it writes the first row of its table."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    wait_until(lambda: _topics().keys() <= admin.list_topics().topics.keys(), seconds=PATIENCE_SECONDS)


def _config(brokers: str, file: Path) -> str:
    listed = ", ".join(f'"{topic}"' for topic in _topics())
    tables = "".join(f'\n[topics."{topic}"]\ntable = "{table}"\n' for topic, table in _topics().items())
    return CONFIG.format(brokers=brokers, topics=listed, file=file, dataset=DATASET) + tables


def _act(stage: Stage, changes: int, seed: int) -> None:
    """Let the day pass in quarters, and let one of the three die in each but the last."""
    day = shop.Day(stage.source, seed=seed)
    passing = day.run(changes)
    with stage.service(MID_COMMIT) as first:
        stage.say(f"headrace, life 1: started, armed with {MID_COMMIT}")
        first.until(lambda: "schema changed" in first.log, seconds=PATIENCE_SECONDS)  # it committed once
        _pass(stage, passing, changes // 4)
        code = first.wait(seconds=PATIENCE_SECONDS)
        if code != -signal.SIGKILL:
            raise ServerFailed(f"headrace was to be killed, but ended with {code}:\n{first.log[-3000:]}")
        stage.say("headrace, life 1: killed with SIGKILL in mid-commit")
    with stage.service() as second:
        stage.say("headrace, life 2: started")
        second.until(partial(_grown, stage, 0), seconds=PATIENCE_SECONDS)
        for name, server in (("Kafka Connect", stage.connect), ("the broker", stage.kafka)):
            before = stage.committed()
            _die(stage, name, server, lambda: _pass(stage, passing, changes // 4))
            second.until(stage.connect.running, seconds=PATIENCE_SECONDS)
            second.until(partial(_grown, stage, before), seconds=PATIENCE_SECONDS)
            stage.say(f"headrace: {stage.committed():,} events committed")
        _pass(stage, passing, changes)
        day.end()
        second.drain()
        stage.say("headrace, life 2: drained, exit 0")
    wait_until(lambda: _complete(stage), seconds=PATIENCE_SECONDS, tell=lambda: stage.connect.log)
    stage.say("headrace run --until latest: the last row of each table is there")


def _pass(stage: Stage, passing: Iterator[str], count: int) -> None:
    """Let so many things happen to the source."""
    happened = Counter(islice(passing, count))
    for told in happened:
        if told.startswith("ALTER"):
            stage.say(f"source: {told}")
    stage.say(f"source: {happened.total():,} transactions: " + shop.described(happened))


def _die(stage: Stage, name: str, server: ConnectServer | KafkaServer, meanwhile: Callable[[], None]) -> None:
    """Kill a server, let something happen without it, and start it again."""
    server.kill()
    stage.say(f"{name}: killed with SIGKILL")
    meanwhile()
    server.start()
    stage.say(f"{name}: started again")


def _grown(stage: Stage, before: int) -> bool:
    return stage.committed() > before


def _complete(stage: Stage) -> bool:
    """Load what is in the topics by now; return whether the last row of each table is there."""
    done = headrace("run", "-c", str(stage.config), "--until", "latest", seconds=PATIENCE_SECONDS)
    if done.returncode:
        raise ServerFailed(f"headrace run --until latest ended with {done.returncode}:\n{done.stderr}")
    return all(has_row(stage.file, DATASET, table, shop.KEYS[table], shop.MARK) for table in shop.TABLES)


def _show(console: Console, found: Sequence[Comparison]) -> None:
    grid = Grid(title="Rows in source and warehouse", title_justify="left", title_style="bold")
    for head in ("table", "PostgreSQL", "DuckDB", "missing", "surplus", "different", "columns"):
        grid.add_column(head)
    for each in found:
        counts = (each.source, each.warehouse, each.missing, each.surplus, each.different)
        grid.add_row(each.table, *(f"{count:,}" for count in counts), ", ".join(each.columns) or "all equal")
    console.print(grid)
    equal = all(each.equal for each in found)
    told = "source = warehouse, in every table, row and value" if equal else "the tables differ"
    console.print(f"[bold {'green' if equal else 'red'}]{told}[/]")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo-cdc", description=__doc__)
    parser.add_argument("--changes", type=int, default=800, help="transactions at the source")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="for the files; a temporary one if unsaid")
    said = parser.parse_args()
    folder = said.folder or Path(tempfile.mkdtemp(prefix="headrace-cdc-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with run.leading():
            found = play(said.changes, folder, seed=said.seed)
    except (ServerMissing, ServerFailed) as error:
        print(f"the demo cannot go on: {error}", file=sys.stderr)
        return 2
    return 0 if all(each.equal for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
