"""What is generated in the chart is as the generator would make it now."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from helm.__main__ import CHART, generated
from helm.readme import documented

FILES = generated()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run `make docs`"


def test_every_value_of_the_schema_is_documented() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    told = {value.path.partition(".")[0] for value in documented((CHART / "values.yaml").read_text(encoding="utf-8"))}
    assert set(schema["properties"]) - {"global", "enabled"} == told


def test_a_pipeline_takes_what_the_release_takes_for_all() -> None:
    properties = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))["properties"]
    own = properties["pipelines"]["additionalProperties"]["properties"]
    assert own == {name: properties[name] for name in own}


def test_the_chart_runs_the_version_beside_it() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["appVersion"] == project["version"]
