"""Each alert fires when it should and stays quiet when it should not, judged by Prometheus' own promtool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support import helm
from support.promtool import ALERTS, complaint, problems_of

RULES = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
ALERT_RULES = {rule["alert"]: rule for rule in RULES if "alert" in rule}


@dataclass(frozen=True, slots=True)
class Case:
    """Series, a value a minute in promtool's notation (`0+5x9`, `_` for none), and how many alerts fire at a time."""

    alert: str
    story: str
    series: Mapping[str, str]
    at: str
    fires: int


def partition(metric: str, *, number: int = 0, pod: str = "a") -> str:
    return f'headrace_{metric}{{pipeline="shop",topic="orders",partition="{number}",pod="{pod}"}}'


def of(metric: str, pod: str = "a", **labels: str) -> str:
    pairs = ",".join(f'{key}="{value}"' for key, value in {"pipeline": "shop", "pod": pod, **labels}.items())
    return f"headrace_{metric}{{{pairs}}}"


def batches(late_a_minute: float, minutes: int) -> dict[str, str]:
    return {
        of("freshness_seconds_count"): f"0+100x{minutes}",
        of("freshness_seconds_bucket", le="60.0"): f"0+{100 - late_a_minute}x{minutes}",
    }


UP = {"headrace_build_info": "1x60"}

CASES = [
    Case(
        "HeadraceTopicPaused",
        "a table cannot take its rows, after the topic moved from a pod where it could",
        {of("topic_paused", topic="orders"): "0x30", of("topic_paused", "b", topic="orders"): "1x30"},
        "20m",
        1,
    ),
    Case("HeadraceTopicPaused", "no topic is paused", {of("topic_paused", topic="orders"): "0x30"}, "20m", 0),
    Case(
        "HeadracePartitionStalled",
        "records wait and nothing is committed",
        {partition("consumer_lag_records"): "7x30", partition("committed_offset"): "100x30"},
        "20m",
        1,
    ),
    Case(
        "HeadracePartitionStalled",
        "records wait and it moves",
        {partition("consumer_lag_records"): "7x30", partition("committed_offset"): "100+1x30"},
        "20m",
        0,
    ),
    Case(
        "HeadracePartitionStalled",
        "nothing waits",
        {partition("consumer_lag_records"): "0x30", partition("committed_offset"): "100x30"},
        "20m",
        0,
    ),
    Case(
        "HeadracePartitionStalled",
        "the first record after a quiet hour has just come",
        {partition("consumer_lag_records"): "0x28 3 3 3", partition("committed_offset"): "100x31"},
        "30m",
        0,
    ),
    Case(
        "HeadracePartitionStalled",
        "the partition moved to another pod, where it goes on",
        {
            partition("consumer_lag_records"): "7x14 _x20",
            partition("committed_offset"): "100x14 _x20",
            partition("consumer_lag_records", pod="b"): "_x15 7x20",
            partition("committed_offset", pod="b"): "_x15 100+1x20",
        },
        "25m",
        0,
    ),
    Case(
        "HeadracePartitionStalled",
        "the partition moved to another pod, and stands still there too",
        {
            partition("consumer_lag_records"): "7x14 _x20",
            partition("committed_offset"): "100x14 _x20",
            partition("consumer_lag_records", pod="b"): "_x15 7x20",
            partition("committed_offset", pod="b"): "_x15 100x20",
        },
        "30m",
        1,
    ),
    Case(
        "HeadracePartitionOrphaned",
        "two replicas own two of three partitions",
        {
            of("topic_partitions", topic="orders"): "3x20",
            of("assigned_partitions", topic="orders"): "1x20",
            of("assigned_partitions", "b", topic="orders"): "1x20",
        },
        "15m",
        1,
    ),
    Case(
        "HeadracePartitionOrphaned",
        "two replicas own all three partitions",
        {
            of("topic_partitions", topic="orders"): "3x20",
            of("assigned_partitions", topic="orders"): "1x20",
            of("assigned_partitions", "b", topic="orders"): "2x20",
        },
        "15m",
        0,
    ),
    Case(
        "HeadracePartitionOrphaned",
        "a rollout took partitions for a minute",
        {of("topic_partitions", topic="orders"): "3x20", of("assigned_partitions", topic="orders"): "3x9 1 3x20"},
        "20m",
        0,
    ),
    Case("HeadraceFreshnessBurnFast", "a fifth of the batches is late", batches(20, 60), "60m", 1),
    Case("HeadraceFreshnessBurnFast", "a tenth of the batches is late", batches(10, 60), "60m", 0),
    Case("HeadraceFreshnessBurnSlow", "a tenth of the batches is late", batches(10, 400), "400m", 1),
    Case("HeadraceFreshnessBurnSlow", "one batch of two hundred is late", batches(0.5, 400), "400m", 0),
    Case(
        "HeadraceFreshnessBurnFast",
        "nothing was loaded at all",
        {of("freshness_seconds_count"): "0x60", of("freshness_seconds_bucket", le="60.0"): "0x60"},
        "60m",
        0,
    ),
    Case(
        "HeadraceLagGrowing",
        "lag grows over five minutes",
        {partition("consumer_lag_records"): "0+600x60", partition("consumer_lag_seconds"): "0+60x60"},
        "60m",
        1,
    ),
    Case(
        "HeadraceLagGrowing",
        "a backlog is worked off",
        {partition("consumer_lag_records"): "90000-600x60", partition("consumer_lag_seconds"): "3600x60"},
        "60m",
        0,
    ),
    Case(
        "HeadraceRejects",
        "one record is rejected, and the counter was there at 0",
        {of("rejected_records_total", reason="invalid_json"): "0x20 1x20"},
        "22m",
        1,
    ),
    Case(
        "HeadraceRejects",
        "the last one was long ago",
        {of("rejected_records_total", reason="invalid_json"): "0x20 1x40"},
        "60m",
        0,
    ),
    Case(
        "HeadraceRejects",
        "a pod starts anew and its counter with it",
        {of("rejected_records_total", reason="invalid_json"): "5x20 0x20"},
        "30m",
        0,
    ),
    Case(
        "HeadraceRejectRatioHigh",
        "two of a hundred",
        {
            of("records_consumed_total", topic="orders"): "0+100x60",
            of("rejected_records_total", reason="invalid_json"): "0+2x60",
        },
        "40m",
        1,
    ),
    Case(
        "HeadraceRejectRatioHigh",
        "one of a thousand",
        {
            of("records_consumed_total", topic="orders"): "0+1000x60",
            of("rejected_records_total", reason="invalid_json"): "0+1x60",
        },
        "40m",
        0,
    ),
    Case(
        "HeadraceSchemaConflict",
        "ten in ten minutes",
        {of("retries_total", reason="schema_conflict"): "0x10 0+1x20"},
        "22m",
        1,
    ),
    Case("HeadraceSchemaConflict", "other retries", {of("retries_total", reason="transient"): "0x10 0+1x20"}, "22m", 0),
    Case(
        "HeadraceSchemaConflict",
        "two replicas met once",
        {of("retries_total", reason="schema_conflict"): "0x10 1x20"},
        "15m",
        0,
    ),
    Case(
        "HeadraceVariantColumn",
        "the counter is born at 1",
        {of("schema_changes_total", table="orders", kind="variant"): "_x20 1x20"},
        "25m",
        1,
    ),
    Case(
        "HeadraceVariantColumn",
        "a new table has only ordinary changes",
        {
            of("schema_changes_total", table="orders", kind="variant"): "_x20 0x20",
            of("schema_changes_total", table="orders", kind="table"): "_x20 1x20",
        },
        "25m",
        0,
    ),
    Case(
        "HeadraceVariantColumn",
        "it was made yesterday",
        {of("schema_changes_total", table="orders", kind="variant"): "1x60"},
        "40m",
        0,
    ),
    Case(
        "HeadraceOffsetGap",
        "one gap",
        {of("offset_gaps_total", topic="orders", kind="retention"): "0x10 1x90"},
        "15m",
        1,
    ),
    Case("HeadraceOffsetGap", "none", {of("offset_gaps_total", topic="orders", kind="retention"): "0x99"}, "15m", 0),
    Case(
        "HeadraceRetentionNear",
        "nine tenths are unread, and segments go",
        {
            partition("consumer_lag_records"): "900x60",
            partition("log_end_offset"): "2000x60",
            partition("log_start_offset"): "900x20 1000x60",
        },
        "40m",
        1,
    ),
    Case(
        "HeadraceRetentionNear",
        "a new pipeline begins at the beginning, and nothing goes",
        {
            partition("consumer_lag_records"): "1000x60",
            partition("log_end_offset"): "1000x60",
            partition("log_start_offset"): "0x60",
        },
        "40m",
        0,
    ),
    Case("HeadraceAbsent", "nothing is scraped", {'up{job="other"}': "1x30"}, "20m", 1),
    Case(
        "HeadraceAbsent",
        "it is there",
        {**UP, of("pipeline_state", headrace_pipeline_state="running"): "1x60"},
        "20m",
        0,
    ),
    Case(
        "HeadraceAbsent",
        "one pipeline of two has gone",
        {
            **UP,
            of("pipeline_state", headrace_pipeline_state="running"): "1x60",
            'headrace_pipeline_state{pipeline="clicks",headrace_pipeline_state="running"}': "1x10 _x50",
        },
        "40m",
        1,
    ),
    Case(
        "HeadraceNotRunning",
        "it has been starting",
        {of("pipeline_state", headrace_pipeline_state="starting"): "1x30"},
        "20m",
        1,
    ),
    Case(
        "HeadraceNotRunning",
        "it started",
        {
            of("pipeline_state", headrace_pipeline_state="starting"): "1x2 0x30",
            of("pipeline_state", headrace_pipeline_state="running"): "0x2 1x30",
        },
        "20m",
        0,
    ),
    Case(
        "HeadraceDestinationUnavailable",
        "paused",
        {of("pipeline_state", headrace_pipeline_state="paused"): "1x30"},
        "10m",
        1,
    ),
    Case(
        "HeadraceDestinationUnavailable",
        "paused for two minutes",
        {of("pipeline_state", headrace_pipeline_state="paused"): "0x9 1 1 0x30"},
        "12m",
        0,
    ),
    Case(
        "HeadraceRebalanceStorm",
        "one each two minutes",
        {of("rebalances_total", kind="assigned"): "0+0.5x60"},
        "40m",
        1,
    ),
    Case(
        "HeadraceRebalanceStorm", "a rollout of three", {of("rebalances_total", kind="assigned"): "0x10 3x60"}, "30m", 0
    ),
    Case("HeadraceDiscards", "values", {of("discarded_values_total", table="orders"): "0x10 0+2x20"}, "20m", 1),
    Case(
        "HeadraceDiscards",
        "records",
        {of("records_skipped_total", topic="orders", reason="schema_discarded"): "0x10 9x20"},
        "20m",
        1,
    ),
    Case(
        "HeadraceDiscards",
        "tombstones are none",
        {
            of("discarded_values_total", table="orders"): "0x40",
            of("records_skipped_total", topic="orders", reason="tombstone"): "0x10 9x20",
        },
        "20m",
        0,
    ),
    Case(
        "HeadraceWatermarkStands",
        "one partition of two stands, and moved between pods",
        {
            partition("watermark_timestamp_seconds"): "0+60x120",
            partition("watermark_timestamp_seconds", number=1): "0x60 _x60",
            partition("watermark_timestamp_seconds", number=1, pod="b"): "_x60 0x60",
        },
        "90m",
        1,
    ),
    Case("HeadraceWatermarkStands", "it moves", {partition("watermark_timestamp_seconds"): "0+60x120"}, "90m", 0),
    Case("HeadraceOpenTransaction", "for half an hour", {partition("open_transaction_seconds"): "0+60x40"}, "30m", 1),
    Case(
        "HeadraceOpenTransaction",
        "short ones, again and again",
        {partition("open_transaction_seconds"): "0 60 120 0 60 120 0 60 120 0 60 120 0x30"},
        "20m",
        0,
    ),
    Case(
        "HeadraceRegistryUnavailable",
        "it is away",
        {of("retries_total", reason="registry"): "0x5 0+2x30"},
        "20m",
        1,
    ),
    Case("HeadraceRegistryUnavailable", "one hiccup", {of("retries_total", reason="registry"): "0x5 1x30"}, "10m", 0),
    Case("HeadraceStageStuck", "stuck", {of("stage_stuck_seconds"): "0x5 300+60x20"}, "10m", 1),
    Case("HeadraceStageStuck", "all stages move", {of("stage_stuck_seconds"): "0x30"}, "10m", 0),
    Case("HeadraceFencedRepeatedly", "six times", {of("fenced_total"): "0x10 0+1x5 6x30"}, "20m", 1),
    Case("HeadraceFencedRepeatedly", "once, at a rebalance", {of("fenced_total"): "0x10 1x30"}, "20m", 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.story}".replace(" ", "-"))
def test_an_alert_fires_as_often_as_it_should(case: Case, tmp_path: Path) -> None:
    assert complaint(case.alert, case.series, case.at, case.fires, tmp_path) == ""


@pytest.mark.parametrize("alert", ALERT_RULES)
def test_an_alert_is_seen_firing_and_not_firing(alert: str) -> None:
    assert {case.fires > 0 for case in CASES if case.alert == alert} == {True, False}


@pytest.mark.parametrize("alert", ALERT_RULES)
def test_an_alert_says_what_to_do(alert: str) -> None:
    rule = ALERT_RULES[alert]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    runbook = (helm.ROOT / rule["annotations"]["runbook_url"]).read_text(encoding="utf-8")
    assert alert in runbook
    for part in ("**What it means.**", "**Look.**", "**Act.**"):
        assert part in runbook


def test_every_runbook_belongs_to_an_alert() -> None:
    pages = {f"docs/runbooks/{page.name}" for page in (helm.ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {rule["annotations"]["runbook_url"] for rule in ALERT_RULES.values()}


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    assert problems_of([rule["expr"] for rule in RULES], tmp_path) == ""


def test_the_chart_puts_target_and_address_of_the_runbooks_into_the_rules(tmp_path: Path) -> None:
    groups = helm.find(helm.template(helm.example("full")), "PrometheusRule")["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["alert"] for rule in rules if "alert" in rule} == ALERT_RULES.keys() - {"HeadraceLagGrowing"}
    targets = {target for rule in rules for target in re.findall(r'le="([^"]+)"', rule["expr"])}
    assert targets == {"300.0"}
    for rule in rules:
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"].startswith("https://git.example.com/headrace/docs/runbooks/")
    assert problems_of([rule["expr"] for rule in rules], tmp_path) == ""
