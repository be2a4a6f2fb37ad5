"""What Helm makes of the chart is what Kubernetes, KEDA and the Prometheus operator take, field by field."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from support import helm

VERSIONS = ("1.27.0", "1.30.0", "1.34.0", "1.37.0")
HERE = Path(__file__).parent
CRDS = {file.stem: Draft202012Validator(json.loads(file.read_text())) for file in (HERE / "crds").glob("*.json")}

every_example = pytest.mark.parametrize("file", helm.EXAMPLES, ids=lambda file: file.stem.removesuffix("-values"))


def values_of(file: Path) -> dict[str, object]:
    values: dict[str, object] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


@every_example
def test_an_example_passes_the_strict_lint(file: Path) -> None:
    assert "0 chart(s) failed" in helm.lint(values_of(file))


@pytest.mark.parametrize("version", VERSIONS)
@every_example
def test_an_example_is_valid_for_each_kubernetes(file: Path, version: str) -> None:
    for manifest in helm.template(values_of(file), kubernetes=version):
        if manifest["kind"] in CRDS:
            CRDS[manifest["kind"]].validate(manifest)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


@every_example
def test_an_example_renders_what_it_rendered_before(file: Path) -> None:
    golden = HERE / "golden" / f"{file.stem.removesuffix('-values')}.yaml"
    rendered = helm.text({**values_of(file), "alerts": {}, "dashboard": {}})  # these two have tests of their own
    if os.environ.get("HEADRACE_UPDATE_GOLDEN"):
        golden.write_text(rendered, encoding="utf-8")
    assert rendered == golden.read_text(encoding="utf-8"), "run the test with HEADRACE_UPDATE_GOLDEN=1, and look"


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(helm.Refused, match=re.escape(">=1.27.0-0")):
        helm.template(helm.example("minimal"), kubernetes="1.26.9")


def test_the_examples_have_an_object_of_each_kind_that_the_chart_makes() -> None:
    templates = "\n".join(file.read_text() for file in (helm.CHART / "templates").glob("*.yaml"))
    made = set(re.findall(r"^kind: (\w+)$", templates, re.MULTILINE)) | set(CRDS) | {"HorizontalPodAutoscaler"}
    seen = {kind for file in helm.EXAMPLES for kind in helm.kinds(helm.template(values_of(file)))}
    assert made <= seen


def test_a_field_that_no_such_object_has_is_noticed() -> None:
    scaled = helm.find(helm.template(helm.example("keda")), "ScaledObject")
    scaled["spec"]["minReplicas"] = 1
    assert [error.message for error in CRDS["ScaledObject"].iter_errors(scaled)]
