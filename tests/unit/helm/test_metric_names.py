"""Alerts and dashboard ask for metrics that headrace exports, and for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml

from helm.__main__ import CHART
from stream.evolve import DISCARDED
from stream.observe import known_labels
from stream.observe.facts import RetryReason, State
from stream.observe.instruments import Instruments

# `rate(...)`, `by (...)` and words in quotes aside, what looks like a name of ours is a metric or a rule's result.
NAME = re.compile(r"headrace[:\w]+")
SUFFIXES = {
    "counter": ("_total", "_created"),
    "info": ("_info",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def exported() -> set[str]:
    names = set()
    for family in Instruments().registry.collect():
        names |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ("",))}
    return names


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_expressions() -> Iterator[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (value for key, value in node.items() if key in ("expr", "query") and isinstance(value, str))
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from walk(child)

    yield from walk(json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("expression", [rule["expr"] for rule in rules()])
def test_a_rule_asks_for_exported_metrics(expression: str) -> None:
    assert set(NAME.findall(expression)) <= exported() | recorded()


@pytest.mark.parametrize("expression", sorted(set(dashboard_expressions())))
def test_the_dashboard_asks_for_exported_metrics(expression: str) -> None:
    assert set(NAME.findall(expression)) <= exported() | recorded()


def test_a_rule_asks_for_label_values_that_are_given() -> None:
    """Else an alert would be quiet for ever."""
    given = {
        "kind": {*known_labels.CHANGE_KINDS, *known_labels.REBALANCES},
        "reason": {*get_args(RetryReason), DISCARDED},
        "outcome": set(known_labels.OUTCOMES),
        "headrace_pipeline_state": set(get_args(State)),
        "le": buckets(),
    }
    expressions = [*(rule["expr"] for rule in rules()), *dashboard_expressions()]
    for label, _, values in re.findall(r'(\w+)(=~|=|!=)"([^"$]+)"', " ".join(expressions)):
        assert set(values.split("|")) <= given[label]


def test_the_chart_offers_the_buckets_of_the_histogram_as_targets() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    targets = schema["properties"]["alerts"]["properties"]["freshnessTargetSeconds"]["enum"]
    assert {f"{target:.1f}" for target in targets} <= buckets()


def buckets() -> set[str]:
    instruments = Instruments()
    instruments.freshness.labels("shop")
    [family] = instruments.freshness.collect()
    return {sample.labels["le"] for sample in family.samples if "le" in sample.labels}
