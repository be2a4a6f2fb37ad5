"""Write what is generated in the chart: `python -m helm`."""

from __future__ import annotations

import json
from pathlib import Path

from helm.config_schema import config_schema, with_config
from helm.readme import readme

CHART = Path(__file__).parent / "headrace"


def generated() -> dict[Path, str]:
    """Return the text of each generated file of the chart."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    template = (CHART / "README.md.in").read_text(encoding="utf-8")
    values = (CHART / "values.yaml").read_text(encoding="utf-8")
    return {
        CHART / "values.schema.json": json.dumps(with_config(schema, config_schema()), indent=2) + "\n",
        CHART / "README.md": readme(template, values),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
