"""What the chart promises of the pods it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from stream.cli.main import app
from stream.config import loader
from support import helm

WORKLOADS = ("StatefulSet", "Deployment", "CronJob")


def pod_specs(manifests: list[helm.Manifest]) -> list[dict[str, Any]]:
    found = []
    for manifest in manifests:
        if manifest["kind"] in WORKLOADS:
            spec = manifest["spec"]
            spec = spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec
            found.append(spec["template"]["spec"])
    return found


def environment(workload: helm.Manifest) -> dict[str, Any]:
    [container] = workload["spec"]["template"]["spec"]["containers"][:1]
    return {variable["name"]: variable for variable in container.get("env", [])}


@pytest.mark.parametrize("name", ["minimal", "full", "hpa", "pipelines"])
def test_every_pod_is_hardened(name: str) -> None:
    for spec in pod_specs(helm.template(helm.example(name))):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        ours = spec["containers"][0]["securityContext"]
        assert ours["readOnlyRootFilesystem"] is True
        assert ours["allowPrivilegeEscalation"] is False
        assert ours["capabilities"] == {"drop": ["ALL"]}
        [tmp] = [volume for volume in spec["volumes"] if volume["name"] == "tmp"]
        assert tmp["emptyDir"]["sizeLimit"]


def test_a_stateful_set_is_replaced_in_parallel_and_claims_no_volume() -> None:
    spec = helm.find(helm.template(helm.example("minimal")), "StatefulSet")["spec"]
    assert spec["podManagementPolicy"] == "Parallel"
    assert "volumeClaimTemplates" not in spec


@pytest.mark.parametrize(
    ("example", "static"), [("minimal", True), ("full", True), ("keda", False), ("hpa", False), ("duckdb", False)]
)
def test_pods_with_lasting_names_are_static_members(example: str, static: bool) -> None:
    manifests = helm.template(helm.example(example))
    workload = helm.find(manifests, "StatefulSet" if "StatefulSet" in helm.kinds(manifests) else "Deployment")
    member = environment(workload).get("HEADRACE__KAFKA__INSTANCE_ID")
    assert (member is not None) is static
    if member:
        assert member["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


@pytest.mark.parametrize("example", ["keda", "hpa"])
def test_nothing_sets_replicas_beside_an_autoscaler(example: str) -> None:
    for manifest in helm.template(helm.example(example)):
        if manifest["kind"] in WORKLOADS:
            assert "replicas" not in manifest["spec"]


def test_keda_counts_no_partition_twice_and_scales_down_slowly() -> None:
    spec = helm.find(helm.template(helm.example("keda")), "ScaledObject")["spec"]
    assert [trigger["metadata"]["topic"] for trigger in spec["triggers"]] == ["orders", "payments"]
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["allowIdleConsumers"] == "false"
        assert trigger["metadata"]["excludePersistentLag"] == "true"
        assert trigger["metadata"]["lagThreshold"] == "2000000"
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]
    assert spec["minReplicaCount"] == 1


def test_secrets_are_files_and_stand_nowhere_else() -> None:
    manifests = helm.template(helm.example("full"))
    assert "Secret" not in helm.kinds(manifests)
    variables = environment(helm.find(manifests, "StatefulSet"))
    assert variables["HEADRACE__DESTINATION__URL_FILE"]["value"] == "/run/secrets/headrace/destination.url"
    assert variables["HEADRACE__KAFKA__SECURITY__CA_FILE"]["value"] == "/run/secrets/headrace/kafka.security.ca_file"


def test_a_change_of_the_configuration_replaces_the_pods_and_one_of_the_monitoring_does_not() -> None:
    values = helm.example("minimal")
    before, other, same = (
        helm.find(helm.template(given), "StatefulSet")["spec"]["template"]
        for given in (
            values,
            helm.changed(values, "config.batching.max_rows", 10_000),
            helm.changed(values, "metrics.monitor", "PodMonitor"),
        )
    )
    assert before != other
    assert before == same


def test_a_further_file_lies_beside_the_configuration_and_replaces_the_pods_when_it_changes() -> None:
    given = [
        helm.changed(helm.example("minimal"), "files", {"orders.yaml": text}) for text in ("a: 1\nb: 2\n", "a: 2\n")
    ]
    one, other = (helm.template(values) for values in given)
    assert helm.find(one, "ConfigMap")["data"]["orders.yaml"] == "a: 1\nb: 2\n"
    templates = [helm.find(manifests, "StatefulSet")["spec"]["template"] for manifests in (one, other)]
    assert templates[0] != templates[1]


def test_a_deployment_that_fills_a_file_stops_before_it_starts_anew() -> None:
    assert helm.find(helm.template(helm.example("duckdb")), "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_large_numbers_stay_whole() -> None:
    manifests = helm.template(helm.changed(helm.example("full"), "verify.activeDeadlineSeconds", 1_209_600))
    config = helm.find(manifests, "ConfigMap", "demo-headrace")
    assert "max_bytes: 33554432" in config["data"]["headrace.yaml"]
    assert helm.find(manifests, "CronJob")["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 1_209_600
    assert "e+" not in helm.text(helm.example("full"))


@pytest.mark.parametrize("file", helm.EXAMPLES, ids=lambda file: file.stem)
def test_headrace_takes_the_configuration_that_the_chart_writes(file, tmp_path) -> None:
    for manifest in helm.template(yaml.safe_load(file.read_text())):
        if text := manifest.get("data", {}).get("headrace.yaml"):
            written = tmp_path / f"{manifest['metadata']['name']}.yaml"
            written.write_text(text)
            assert loader.load(written, {}, {}).service.http == ":9090"


class TestSeveralPipelines:
    """A release of three."""

    manifests = property(lambda self: helm.template(helm.example("pipelines")))

    def test_each_has_its_own_workload_and_inherits_what_it_does_not_say(self) -> None:
        replicas = {
            manifest["metadata"]["name"]: manifest["spec"].get("replicas")
            for manifest in self.manifests
            if manifest["kind"] == "StatefulSet"
        }
        assert replicas == {"demo-headrace-orders": 4, "demo-headrace-clicks": None, "demo-headrace-paused": 0}

    def test_a_switch_can_be_turned_off_for_one(self) -> None:
        budgets = {m["metadata"]["name"] for m in self.manifests if m["kind"] == "PodDisruptionBudget"}
        assert budgets == {"demo-headrace-orders", "demo-headrace-clicks"}

    def test_each_owns_its_positions_under_its_own_name(self) -> None:
        names = {
            yaml.safe_load(m["data"]["headrace.yaml"])["pipeline"] for m in self.manifests if m["kind"] == "ConfigMap"
        }
        assert names == {"orders", "web_clicks", "paused"}

    def test_no_selector_takes_pods_of_another_or_of_verify(self) -> None:
        sets = [m for m in self.manifests if m["kind"] == "StatefulSet"]
        pods = [m["spec"]["template"]["metadata"]["labels"] for m in sets]
        pods += [
            m["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
            for m in self.manifests
            if m["kind"] == "CronJob"
        ]
        for workload in sets:
            wanted = workload["spec"]["selector"]["matchLabels"].items()
            assert len([labels for labels in pods if wanted <= labels.items()]) == 1


@pytest.mark.parametrize("release", ["a" * 53, "headrace", "x"])
def test_names_stay_short_enough_for_what_kubernetes_adds(release: str) -> None:
    long_name = "p" * 30
    values = helm.changed(helm.example("minimal"), "pipelines", {long_name: {"verify": {"enabled": True}}})
    manifests = helm.template(values, release=release)
    names = [m["metadata"]["name"] for m in manifests if m["kind"] in WORKLOADS]
    assert names
    assert all(len(name) <= 52 for name in names)
    assert all(long_name[:15] in name for name in names)


@pytest.mark.parametrize("example", ["full", "pipelines"])
def test_the_command_takes_the_arguments_that_verify_is_given(example: str) -> None:
    jobs = [manifest for manifest in helm.template(helm.example(example)) if manifest["kind"] == "CronJob"]
    assert jobs
    for spec in pod_specs(jobs):
        name, *args = spec["containers"][0]["args"]
        command = get_command(app).commands[name]  # type: ignore[attr-defined]  # of a group
        args[args.index("--config") + 1] = __file__  # any file that exists: it is parsed, and not run
        assert command.make_context(name, args).params["config"] == Path(__file__)


def test_a_misspelt_argument_of_verify_would_be_found() -> None:
    command = get_command(app).commands["verify"]  # type: ignore[attr-defined]  # of a group
    with pytest.raises(Exception, match="No such option"):
        command.make_context("verify", ["--depp"])
