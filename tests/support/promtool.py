"""Prometheus' own judge of rules and expressions: Debian's package `prometheus`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from servers.packages import install
from support.helm import CHART

ALERTS = CHART / "files" / "alerts.yaml"


@cache
def promtool() -> str:
    """Return the command, installed where it is missing; raises `ServerMissing` where that cannot be."""
    if shutil.which("promtool") is None:
        install("prometheus")
    return shutil.which("promtool") or "promtool"


def complaint(alert: str, series: Mapping[str, str], at: str, fires: int, folder: Path) -> str:
    """Return what promtool says when not `fires` alerts of that name fire at that time; empty when they do.

    The series are in promtool's notation, a value a minute.
    """
    file = folder / "test.json"
    file.write_text(json.dumps(_test(alert, series, at, fires)), encoding="utf-8")
    done = subprocess.run([promtool(), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def problems_of(expressions: Iterable[str], folder: Path) -> str:
    """Return what promtool has to say against some PromQL; empty when it is all well."""
    rules = [{"record": f"checked:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = folder / "expressions.json"
    file.write_text(json.dumps({"groups": [{"name": "expressions", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool(), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def _test(alert: str, series: Mapping[str, str], at: str, count: int) -> dict[str, object]:
    expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    return {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {"expr": expression, "eval_time": at, "exp_samples": [{"labels": "{}", "value": count}]}
                ],
            }
        ],
    }
