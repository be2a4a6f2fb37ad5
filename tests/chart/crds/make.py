"""Make the JSON Schemas in this folder from the CustomResourceDefinitions of KEDA and the Prometheus operator.

    python tests/chart/crds/make.py $(go env GOMODCACHE)

after `go mod download github.com/kedacore/keda/v2@v2.21.0 github.com/prometheus-operator/prometheus-operator@v0.85.0`.
Both projects are licensed under Apache-2.0.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

_SOURCES = (
    ("github.com/kedacore/keda/v2@v2.21.0/config/crd/bases", "keda.sh_scaledobjects"),
    *(
        ("github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd", name)
        for name in (
            "monitoring.coreos.com_podmonitors",
            "monitoring.coreos.com_servicemonitors",
            "monitoring.coreos.com_prometheusrules",
        )
    ),
)


def strict(node: Any) -> Any:
    """Return a schema without its texts, that takes no field it does not know: as an API server prunes and warns."""
    if isinstance(node, list):
        return [strict(child) for child in node]
    if not isinstance(node, dict):
        return node
    kept = {key: strict(child) for key, child in node.items() if key != "description" or not isinstance(child, str)}
    if "properties" in kept and not kept.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    if kept.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
        kept.pop("anyOf", None)
    return {key: child for key, child in kept.items() if not str(key).startswith("x-kubernetes-")}


def main(modules: Path) -> None:
    """Write one file per kind."""
    for folder, name in _SOURCES:
        definition = yaml.safe_load((modules / folder / f"{name}.yaml").read_text(encoding="utf-8"))
        [version] = [version for version in definition["spec"]["versions"] if version["storage"]]
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        file = Path(__file__).parent / f"{definition['spec']['names']['kind']}.json"
        file.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
