"""`compose.yaml` and the files it mounts. No Docker engine runs here: it is read, not started."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.config import loader
from support.promtool import promtool

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
BIND_MOUNTS = [
    volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", ()) if volume[0] == "."
]


def test_it_is_what_the_compose_specification_says() -> None:
    # the schema of compose-go 2.4.9 (Apache-2.0)
    from jsonschema import Draft7Validator  # comes with `make chart-tools`

    Draft7Validator(json.loads((Path(__file__).parent / "compose-spec.json").read_text())).validate(COMPOSE)


def test_everything_that_was_asked_for_is_in_it() -> None:
    assert SERVICES.keys() == {"kafka", "topics", "postgres", "headrace", "prometheus", "grafana"}


def test_every_mounted_file_is_there_and_read_only() -> None:
    assert BIND_MOUNTS
    for source, _, mode in BIND_MOUNTS:
        assert (ROOT / source).is_file()
        assert mode == "ro"
    for secret in COMPOSE["secrets"].values():
        assert (ROOT / secret["file"]).is_file()


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert SERVICES[name].get("build") or re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/]+:v?\d[\w.-]*\}", image)


def test_replicas_can_be_added() -> None:
    headrace = SERVICES["headrace"]
    assert not {"container_name", "ports", "hostname"} & headrace.keys()


def test_headrace_takes_its_file_and_stops_within_the_grace() -> None:
    config = loader.load(ROOT / "deploy" / "compose" / "headrace.yaml", {}, {})
    assert config.kafka.topics == ("orders",)
    assert float(SERVICES["headrace"]["stop_grace_period"].removesuffix("s")) >= config.service.grace_seconds + 10


def test_prometheus_takes_its_file(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_bytes((ROOT / "deploy" / "compose" / "prometheus.yml").read_bytes())
    (tmp_path / "alerts.yaml").write_bytes((ROOT / "helm" / "headrace" / "files" / "alerts.yaml").read_bytes())
    done = subprocess.run([promtool(), "check", "config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_lies_where_grafana_looks_for_it() -> None:
    provider = yaml.safe_load((ROOT / "deploy" / "compose" / "grafana-dashboards.yaml").read_text(encoding="utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert f"{folder}/headrace.json" in [target for _, target, _ in BIND_MOUNTS]
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{folder}/headrace.json"
