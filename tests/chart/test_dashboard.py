"""The Grafana dashboard: its expressions are PromQL, its panels lie side by side."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from support import helm
from support.promtool import problems_of

DASHBOARD: dict[str, Any] = json.loads((helm.CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
VARIABLES = {"$namespace": ".*", "$pipeline": ".*", "$__rate_interval": "5m"}


def expressions() -> list[str]:
    found = []
    for target in itertools.chain.from_iterable(panel.get("targets", ()) for panel in PANELS):
        text = target["expr"]
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        found.append(text)
    return found


def test_prometheus_takes_every_expression(tmp_path: Path) -> None:
    assert problems_of(expressions(), tmp_path) == ""


def test_no_variable_is_left_unknown() -> None:
    declared = {f"${variable['name']}" for variable in DASHBOARD["templating"]["list"]}
    assert declared == {"$datasource", "$namespace", "$pipeline"}
    assert not [expression for expression in expressions() if "$" in expression]


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_chart_hands_it_to_grafana_as_it_is() -> None:
    config = helm.find(helm.template(helm.example("full")), "ConfigMap", "demo-headrace-dashboard")
    assert json.loads(config["data"]["headrace.json"]) == DASHBOARD
