"""A control plane for the session, and a namespace for each test."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from servers import control_plane
from servers.control_plane import DEPLOYER, ControlPlane
from servers.missing import ServerMissing, give_up
from support import helm

# All that the chart needs of whoever installs it, in its namespace alone. Helm keeps its releases in secrets.
RULES = [
    {"apiGroups": [""], "resources": ["configmaps", "services", "serviceaccounts", "secrets"], "verbs": ["*"]},
    {"apiGroups": ["apps"], "resources": ["statefulsets", "deployments"], "verbs": ["*"]},
    {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["*"]},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["*"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["*"]},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["*"]},
    {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": ["*"]},
    {
        "apiGroups": ["monitoring.coreos.com"],
        "resources": ["podmonitors", "servicemonitors", "prometheusrules"],
        "verbs": ["*"],
    },
]


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """An API server that runs as long as the session."""
    try:
        with control_plane.running() as running:
            yield running
    except ServerMissing as missing:
        give_up(f"the cluster's tests could not run for want of a server: {missing}")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A fresh namespace in which the deployer may do what the chart needs, and nothing else."""

    plane: ControlPlane
    name: str

    def install(self, values: dict[str, Any], *, action: str = "install") -> str:
        """Install or upgrade the release `demo` as the deployer."""
        where = ("--namespace", self.name, "--values", "-")
        return self.plane.helm(action, helm.RELEASE, str(helm.CHART), *where, stdin=json.dumps(values))

    def helm(self, *arguments: str) -> str:
        """Run Helm in this namespace as the deployer."""
        return self.plane.helm(*arguments, "--namespace", self.name)

    def objects(self, *kinds: str) -> dict[str, helm.Manifest]:
        """Return the release's objects of these kinds, by `Kind/name`."""
        selector = f"--selector=app.kubernetes.io/instance={helm.RELEASE}"
        text = self.plane.kubectl("get", ",".join(kinds), "--namespace", self.name, selector, "--output=json")
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in json.loads(text)["items"]}


@pytest.fixture
def namespace(plane: ControlPlane) -> Namespace:
    """A namespace that enforces the Pod Security Standard `restricted`."""
    name = f"data-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deploy"}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "deploy", "namespace": name},
            "rules": RULES,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "deploy", "namespace": name},
            "roleRef": role,
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": DEPLOYER}],
        },
    ]
    plane.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(objects))
    return Namespace(plane, name)
