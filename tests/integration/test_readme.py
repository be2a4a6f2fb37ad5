"""What the README shows does what it says: its snippets, run as they stand but for the broker and the topic."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from stream.config import loader as settings
from support import events
from support.service import COMMAND, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def orders(kafka, topic: Callable[..., str]) -> str:
    """A topic of 30 orders."""
    name = topic("orders")
    events.produce(kafka.bootstrap, name, events.orders(30, seed=1))
    return name


def ran(command: list[str], folder: Path) -> str:
    env = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(pattern: str) -> str:
    """Return the one passage of the README that matches."""
    [passage] = re.findall(pattern, README, re.MULTILINE | re.DOTALL)
    return str(passage)


def test_the_python_snippet(kafka, orders: str, tmp_path: Path) -> None:
    code = shown(r"^```python\n(.*?)^```").replace("localhost:9092", kafka.bootstrap)
    told = ran([sys.executable, "-c", code.replace('kafka("orders"', f'kafka("{orders}"')], tmp_path)
    assert f"{orders.replace('-', '_')}: 30 rows" in told
    assert "items__tags: 1 row" in told


def test_the_command_and_the_query_after_it(kafka, orders: str, tmp_path: Path) -> None:
    said = shown(r"^    headrace (run --brokers [^\n]*)").replace("localhost:9092", kafka.bootstrap)
    command = [*COMMAND, *shlex.split(said.replace("--topic orders", f"--topic {orders}")), "--until", "latest"]
    ran([*command, "--dataset", "orders"], tmp_path)
    query = shown(r"^    duckdb orders\.duckdb '([^']*)'").replace(
        "from orders ", f'from "{orders.replace("-", "_")}" '
    )
    use, *queries = query.split(";")
    with duckdb.connect(str(tmp_path / "orders.duckdb"), read_only=True) as connection:
        connection.execute(use)
        assert [len(connection.sql(each)) for each in queries] == [3, 1]


def test_the_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "headrace.toml"
    file.write_text(re.sub(r"^    ", "", shown(r'^(    pipeline = "orders"\n.*?)\n\nEach key'), flags=re.MULTILINE))
    config = settings.load(file, {}, {})
    settings.require_complete(config)
    assert (config.kafka.topics, config.destination.dataset) == (("orders", "payments"), "shop")
