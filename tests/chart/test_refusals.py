"""What the chart does not take, and the words in which it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support import helm

MINIMAL = helm.example("minimal")
KEDA = helm.example("keda")
DUCKDB = helm.example("duckdb")
POSTGRES_URL = "postgresql://loader:hunter2@warehouse/warehouse"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicaCount", 2),
        ("workload.replica", 2),
        ("workload.kind", "DaemonSet"),
        ("config.kafka.topcs", ["orders"]),
        ("config.batching.max_rows", "many"),
        ("config.service.http", ":8080"),
        ("config.kafka.instance_id", "one"),
        ("config.kafka.until", "latest"),
        ("config.destination.password", "hunter2"),
        ("config.destination.password_file", "/pw"),
        ("secrets", {"destination.pasword": {"existingSecret": "a", "key": "b"}}),
        ("secrets", {"destination.password": {"existingSecret": "a"}}),
        ("pipelines", {"Orders": {}}),
        ("pipelines", {"orders": {"workload": {"replica": 2}}}),
        ("pipelines", {"orders": {"alerts": {"enabled": True}}}),
        ("files", {"headrace.yaml": "kafka: {}"}),
        ("alerts.freshnessTargetSeconds", 61),
        ("image.digest", "sha256:12"),
    ],
)
def test_the_schema_refuses(path: str, value: Any) -> None:
    with pytest.raises(helm.Refused, match="don't meet the specifications of the schema"):
        helm.template(helm.changed(MINIMAL, path, value))


@pytest.mark.parametrize(("path", "value"), [("global", {"region": "eu"}), ("enabled", True)])
def test_a_parent_chart_may_pass(path: str, value: Any) -> None:
    assert helm.template({**MINIMAL, path: value})


@pytest.mark.parametrize(
    ("values", "path", "value", "words"),
    [
        (MINIMAL, "config.kafka.topics", [], "neither topics nor a pattern"),
        (MINIMAL, "config.kafka.pattern", "orders-.*", "both topics and a pattern"),
        (MINIMAL, "config.destination.url", None, "there is no destination"),
        (MINIMAL, "config.destination.url", POSTGRES_URL, "holds a password"),
        (MINIMAL, "config.destination.url", "postgresql://db/w?user=a&password=hunter2", "holds a password"),
        (MINIMAL, "secrets", {"destination.url": {"existingSecret": "a", "key": "b"}}, "given twice"),
        (MINIMAL, "config.registry.url", "https://me:hunter2@registry:8081", "holds a password"),
        (MINIMAL, "config.registry.url", "https://one:8081,https://two:8081", None),
        (DUCKDB, "workload.replicas", 2, "a file, which one process writes"),
        (DUCKDB, "autoscaling.kind", "hpa", "a file, which one process writes"),
        (DUCKDB, "config.destination.url", "sqlite:////data/a.db", None),
        (DUCKDB, "workload.staticMembership", "always", "no lasting names"),
        (KEDA, "workload.staticMembership", "always", "an autoscaler takes pods away"),
        (KEDA, "config.kafka.group", None, "name it in config.kafka.group"),
        (KEDA, "autoscaling.keda.authenticationRef", "", "KEDA needs credentials too"),
        (KEDA, "autoscaling.minReplicas", 20, "greater than autoscaling.maxReplicas"),
        (MINIMAL, "terminationGracePeriodSeconds", 139, "set at least 140"),
        (MINIMAL, "terminationGracePeriodSeconds", 140, None),
        (MINIMAL, "config.destination.statement_timeout_seconds", 131, "longer than the 130 s"),
        (MINIMAL, "config.batching.max_age_seconds", 70, "more than half of config.service.grace_seconds"),
        (MINIMAL, "networkPolicy.enabled", True, "cuts the pipeline off from Kafka"),
        (MINIMAL, "extraEnv", [{"name": "HEADRACE__DESTINATION__PASSWORD", "value": "hunter2"}], "in plain text"),
        (MINIMAL, "extraEnv", [{"name": "HEADRACE__DESTINATION__PASSWORD_FILE", "value": "/pw"}], None),
    ],
)
def test_a_combination_is_refused_in_our_words(
    values: dict[str, Any], path: str, value: Any, words: str | None
) -> None:
    changed = helm.changed(values, path, value)
    if words is None:
        assert helm.template(changed)
        return
    with pytest.raises(helm.Refused) as refused:
        helm.template(changed)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once_and_of_which_pipeline() -> None:
    values = helm.changed(helm.example("pipelines"), "pipelines.orders.config.kafka.topics", [])
    values = helm.changed(values, "pipelines.clicks.config.kafka.group", "")
    with pytest.raises(helm.Refused) as refused:
        helm.template(values)
    assert "- pipeline orders: config.kafka has neither topics nor a pattern" in str(refused.value)
    assert "- pipeline clicks: autoscaling.kind is keda" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [("config.pipeline", "name of every pipeline"), ("config.kafka.group", "group of every pipeline")],
)
def test_what_names_one_pipeline_cannot_be_shared(path: str, words: str) -> None:
    with pytest.raises(helm.Refused, match=words):
        helm.template(helm.changed(helm.example("pipelines"), path, "shop"))


SECRETS = json.loads((helm.CHART / "values.schema.json").read_text())["definitions"]["secretSetting"]["enum"]


@pytest.mark.parametrize("setting", [setting for setting in SECRETS if not setting.endswith("_file")])
def test_no_secret_of_headrace_can_stand_in_the_environment(setting: str) -> None:
    name = "__".join(["HEADRACE", *setting.upper().split(".")])
    with pytest.raises(helm.Refused, match="in plain text"):
        helm.template(helm.changed(MINIMAL, "extraEnv", [{"name": name, "value": "hunter2"}]))
