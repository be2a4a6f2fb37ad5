"""What the README shows does what it says: its snippets, run as they stand but for the broker and the topic."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
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
    ran([*COMMAND, *told_to_run(kafka.bootstrap, orders)], tmp_path)
    assert answers(tmp_path, orders) == [3, 1]


@pytest.mark.slow
def test_what_is_installed_from_a_checkout_runs_the_command(kafka, orders: str, tmp_path: Path) -> None:
    install = shown(r"^    (pip install '\.\[duckdb\]')")
    checkout, scripts = tmp_path / "checkout", tmp_path / "env" / "bin"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__"))
    venv.create(tmp_path / "env", with_pip=True)
    env = {"PATH": f"{scripts}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")}
    subprocess.run(shlex.split(install), cwd=checkout, env=env, check=True, capture_output=True, timeout=170)
    command = [str(scripts / "headrace"), *told_to_run(kafka.bootstrap, orders)]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=60)
    assert answers(tmp_path, orders) == [3, 1]


def told_to_run(brokers: str, topic: str) -> list[str]:
    """Return the README's arguments of `headrace`, for these brokers and this topic, up to what is there now."""
    said = shown(r"^    headrace (run --brokers [^\n]*)").replace("localhost:9092", brokers)
    return [*shlex.split(said.replace("--topic orders", f"--topic {topic}")), "--until", "latest"]


def answers(folder: Path, topic: str) -> list[int]:
    """Return how many rows each of the README's queries gives, in a shell on the file that it names."""
    [(file, query)] = re.findall(r"^    duckdb (\S+) '([^']*)'", README, re.MULTILINE)
    with duckdb.connect(str(folder / file), read_only=True) as connection:
        queries = query.replace("shop.orders", f'shop."{topic.replace("-", "_")}"').split(";")
        return [len(connection.sql(each)) for each in queries]


def test_the_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "headrace.toml"
    file.write_text(re.sub(r"^    ", "", shown(r'^(    pipeline = "orders"\n.*?)\n\nEach key'), flags=re.MULTILINE))
    config = settings.load(file, {}, {})
    settings.require_complete(config)
    assert (config.kafka.topics, config.destination.dataset) == (("orders", "payments"), "shop")
