"""A real Prometheus scrapes a real headrace: each rule is evaluated, each panel of the dashboard shows something."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml

from servers.process import ServerProcess, free_port
from support import events
from support.helm import CHART
from support.promtool import ALERTS, promtool
from support.service import fetch, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prometheus")]

DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
VARIABLES = {"$namespace": ".*", "$pipeline": ".*", "$__rate_interval": "15s"}


def panels() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression


class Prometheus:
    """A server that scrapes one address each second; `ask` gives what its API answers."""

    def __init__(self, target: str, folder: Path) -> None:
        job = {"job_name": "headrace", "static_configs": [{"targets": [target]}]}
        settings = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": settings, "rule_files": [str(ALERTS)], "scrape_configs": [job]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self._url = f"http://127.0.0.1:{free_port()}"
        command = [str(Path(promtool()).with_name("prometheus")), f"--config.file={folder / 'prometheus.yml'}"]
        command += [
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
        ]
        self.process = ServerProcess(command, folder / "log")
        self.process.wait_until(lambda: self._answers())

    def ask(self, path: str, **arguments: str) -> dict[str, list[dict[str, object]]]:
        answer = json.loads(fetch(f"{self._url}/api/v1/{path}?{urlencode(arguments)}"))
        assert answer["status"] == "success"
        return answer["data"]

    def shows(self, expression: str) -> bool:
        return bool(self.ask("query", query=expression)["result"])

    def _answers(self) -> bool:
        try:
            return bool(fetch(f"{self._url}/-/ready"))
        except OSError:
            return False


@pytest.fixture
def prometheus(kafka, topic: Callable[..., str], tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus beside a service that has loaded some orders, and rejected some records."""
    name, port, folder = topic(partitions=2), free_port(), tmp_path / "prometheus"
    folder.mkdir()
    where = ("--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{tmp_path / 'orders.duckdb'}")
    with running(*where, "--pipeline", "shop", "--http", f"127.0.0.1:{port}"):
        server = Prometheus(f"127.0.0.1:{port}", folder)
        try:
            wait_until(lambda: server.shows("headrace_assigned_partitions == 2"))
            orders = events.orders(2_000, seed=1, poison_every=100)
            events.produce(kafka.bootstrap, name, orders, partitions=2)
            wait_until(lambda: server.shows("sum(headrace_rows_committed_total) > 0"))
            yield server
        finally:
            server.process.kill()


def test_every_panel_shows_something(prometheus: Prometheus) -> None:
    empty = list(panels())

    def all_show() -> bool:
        empty[:] = [(title, expression) for title, expression in empty if not prometheus.shows(expression)]
        return not empty

    wait_until(all_show, seconds=20, tell=lambda: str(empty))


def test_every_rule_is_evaluated_and_a_healthy_stream_pages_nobody(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, object]]:
        return list(itertools.chain.from_iterable(group["rules"] for group in prometheus.ask("rules")["groups"]))

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()))
    assert {rule["health"] for rule in rules()} == {"ok"}
    pages = [r["name"] for r in rules() if r.get("labels", {}).get("severity") == "page" and r["state"] == "firing"]
    assert pages == []
