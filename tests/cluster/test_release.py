"""The chart in a real API server: installed, changed, rolled back and removed by somebody with few rights."""

from __future__ import annotations

import json

import pytest
import yaml

from servers.control_plane import DEPLOYER
from support import helm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]

KINDS = (
    *("configmap", "service", "serviceaccount", "statefulset", "deployment", "cronjob", "poddisruptionbudget"),
    *("networkpolicy", "horizontalpodautoscaler", "scaledobject", "podmonitor", "servicemonitor", "prometheusrule"),
)
FULL = helm.example("full")

every_example = pytest.mark.parametrize("file", helm.EXAMPLES, ids=lambda file: file.stem.removesuffix("-values"))


@every_example
def test_an_example_is_installed_by_somebody_who_may_only_do_that_here(namespace, file) -> None:
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    namespace.install(values)
    made = {f"{m['kind']}/{m['metadata']['name']}" for m in helm.template(values) if "labels" in m["metadata"]}
    assert namespace.objects(*KINDS).keys() == made


def test_helm_says_where_to_look_after_the_installation(namespace) -> None:
    told = namespace.install(helm.example("pipelines"))
    assert f"kubectl -n {namespace.name} port-forward statefulset/demo-headrace-orders 9090" in told
    assert "Nothing scrapes the metrics yet" in told


@every_example
def test_the_server_knows_every_field(namespace, file) -> None:
    manifests = helm.text(yaml.safe_load(file.read_text(encoding="utf-8"))).replace(
        "namespace: data", f"namespace: {namespace.name}"
    )
    where = ("--namespace", namespace.name, "--filename=-")
    namespace.plane.kubectl("create", "--dry-run=server", "--validate=strict", *where, stdin=manifests)


def test_an_upgrade_changes_what_was_changed_and_a_rollback_takes_it_back(namespace) -> None:
    namespace.install(FULL)
    before = namespace.objects("statefulset")["StatefulSet/demo-headrace"]["spec"]

    namespace.install(helm.changed(FULL, "workload.replicas", 5), action="upgrade")
    changed = namespace.objects("statefulset")["StatefulSet/demo-headrace"]["spec"]
    assert changed == {**before, "replicas": 5}

    namespace.helm("rollback", helm.RELEASE, "1")
    assert namespace.objects("statefulset")["StatefulSet/demo-headrace"]["spec"] == before
    history = json.loads(namespace.helm("history", helm.RELEASE, "--output=json"))
    assert [revision["status"] for revision in history] == ["superseded", "superseded", "deployed"]


def test_what_a_pipeline_no_longer_needs_goes_with_the_upgrade(namespace) -> None:
    values = helm.example("pipelines")
    namespace.install(values)
    without = {name: own for name, own in values["pipelines"].items() if name != "clicks"}
    namespace.install({**values, "pipelines": without}, action="upgrade")
    assert not [name for name in namespace.objects(*KINDS) if "clicks" in name]


def test_a_switch_to_keda_hands_the_replicas_over(namespace) -> None:
    values = helm.changed(helm.example("minimal"), "workload.replicas", 3)
    namespace.install(values)
    scaled = helm.changed(helm.changed(values, "autoscaling.kind", "keda"), "config.kafka.group", "shop")
    namespace.install(scaled, action="upgrade")
    assert "ScaledObject/demo-headrace" in namespace.objects("scaledobject")
    [manifest] = [m for m in helm.template(scaled) if m["kind"] == "StatefulSet"]
    assert "replicas" not in manifest["spec"]


def test_nothing_stays_after_it_was_removed(namespace) -> None:
    namespace.install(FULL)
    namespace.helm("uninstall", helm.RELEASE)
    assert namespace.objects(*KINDS, "secret") == {}


def test_a_misspelt_value_changes_nothing(namespace) -> None:
    namespace.install(FULL)
    with pytest.raises(helm.Refused, match="additional properties 'replica' not allowed"):
        namespace.install(helm.changed(FULL, "workload.replica", 5), action="upgrade")
    assert len(json.loads(namespace.helm("history", helm.RELEASE, "--output=json"))) == 1


def test_a_misspelt_field_that_only_kubernetes_knows_is_refused_by_the_server(namespace) -> None:
    misspelt = helm.changed(helm.example("minimal"), "affinity", {"nodeAffinty": {}})
    with pytest.raises(helm.Refused, match="nodeAffinty"):
        namespace.install(misspelt)
    assert "StatefulSet/demo-headrace" not in namespace.objects("statefulset")


def test_a_combination_that_cannot_work_is_refused_in_our_words(namespace) -> None:
    with pytest.raises(helm.Refused, match="one process writes"):
        namespace.install(helm.changed(helm.example("duckdb"), "workload.replicas", 2))


def test_somebody_without_rights_is_refused(namespace) -> None:
    with pytest.raises(helm.Refused, match=f'User "{DEPLOYER}" cannot'):
        namespace.plane.helm(
            "install", helm.RELEASE, str(helm.CHART), "--namespace=default", "--values=-", stdin=json.dumps(FULL)
        )


def test_the_pods_may_do_nothing_in_the_cluster(namespace) -> None:
    namespace.install(FULL)
    account = f"--as=system:serviceaccount:{namespace.name}:demo-headrace"
    for verb, kind in (("get", "secrets"), ("list", "pods"), ("get", "configmaps")):
        with pytest.raises(helm.Refused, match=r"(?m)^no$"):
            namespace.plane.kubectl("auth", "can-i", verb, kind, account, "--namespace", namespace.name)


@pytest.mark.parametrize("example", ["minimal", "hpa", "duckdb", "keda"])
def test_the_pods_satisfy_the_restricted_pod_security_standard(namespace, example: str) -> None:
    manifests = helm.template(helm.example(example))
    [workload] = [m for m in manifests if m["kind"] in ("StatefulSet", "Deployment")]
    template = workload["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "pod"}}
    namespace.plane.kubectl(
        "create", "--dry-run=server", "--namespace", namespace.name, "--filename=-", stdin=json.dumps(pod)
    )


def test_the_restricted_standard_is_really_enforced_here(namespace) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    with pytest.raises(helm.Refused, match="violates PodSecurity"):
        namespace.plane.kubectl(
            "create", "--dry-run=server", "--namespace", namespace.name, "--filename=-", stdin=json.dumps(pod)
        )


def test_the_budget_lets_a_broken_pod_go(namespace) -> None:
    namespace.install(FULL)
    budget = namespace.objects("poddisruptionbudget")["PodDisruptionBudget/demo-headrace"]["spec"]
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["maxUnavailable"] == 1
