"""Build what a cluster's control plane consists of, once: `python tests/cluster/build.py`, with Go 1.26 or newer.

etcd, kube-apiserver and the CustomResourceDefinitions of KEDA and the Prometheus operator come from Go's module
proxy and lie outside of the checkout, in `${XDG_CACHE_HOME:-~/.cache}/headrace/cluster`. It takes some 8 minutes on
two cores. With `--cached` nothing is built: exit code 1 says that something is missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

KUBERNETES: Final = "1.37.2"
ETCD: Final = "3.7.0"
CRDS: Final = {
    "github.com/kedacore/keda/v2@v2.21.0": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": tuple(
        f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
        for kind in ("podmonitors", "servicemonitors", "prometheusrules")
    ),
}


def folder() -> Path:
    """Return where the binaries of these versions are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "headrace" / "cluster" / f"kubernetes-{KUBERNETES}-etcd-{ETCD}"


def is_cached() -> bool:
    """Return whether everything is there."""
    crds = [Path(file).name for files in CRDS.values() for file in files]
    return all((folder() / name).exists() for name in ("etcd", "kube-apiserver", *crds))


def build() -> None:
    """Build and fetch what is missing. Safe to repeat; a binary appears whole or not at all."""
    if shutil.which("go") is None:
        raise SystemExit("go is not on PATH: install Go 1.26 or newer, which builds etcd and kube-apiserver")
    folder().mkdir(parents=True, exist_ok=True)
    if not (folder() / "etcd").exists():
        _build_etcd()
    if not (folder() / "kube-apiserver").exists():
        _build_apiserver()
    for module, files in CRDS.items():
        source = _downloaded(module)
        for file in files:
            shutil.copyfile(source / file, folder() / Path(file).name)


def _build_etcd() -> None:
    package = "go.etcd.io/etcd/server/v3"
    _build(package, "etcd", requires=[f"{package} v{ETCD}"], replaces=[], flags=[])


def _build_apiserver() -> None:
    """Build it with its staged modules (`k8s.io/api` and others) at the version of the same release."""
    minor, patch = re.fullmatch(r"1\.(\d+)\.(\d+)", KUBERNETES).groups()
    staged = f"v0.{minor}.{patch}"
    source = _downloaded(f"k8s.io/kubernetes@v{KUBERNETES}")
    names = re.findall(r"^\s*(k8s\.io/\S+) v0\.0\.0$", (source / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    version = {"gitVersion": f"v{KUBERNETES}", "gitMajor": "1", "gitMinor": minor}
    _build(
        "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-apiserver",
        requires=[f"k8s.io/kubernetes v{KUBERNETES}"],
        replaces=[f"{name} => {name} {staged}" for name in sorted(set(names))],
        flags=[f"-X k8s.io/component-base/version.{key}={value}" for key, value in version.items()],
    )


def _build(package: str, name: str, *, requires: Iterable[str], replaces: Iterable[str], flags: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        lines = ["module headrace.invalid/cluster", "go 1.26", *(f"require {line}" for line in requires)]
        lines += [f"replace {line}" for line in replaces]
        Path(place, "go.mod").write_text("\n".join(lines) + "\n", encoding="utf-8")
        Path(place, "tools.go").write_text(
            f'//go:build tools\n\npackage tools\n\nimport _ "{package}"\n', encoding="utf-8"
        )
        _go("mod", "tidy", cwd=place)
        draft = folder() / f"{name}.{os.getpid()}"
        _go("build", "-trimpath", "-ldflags", " ".join(["-s -w", *flags]), "-o", str(draft), package, cwd=place)
        draft.replace(folder() / name)


def _downloaded(module: str) -> Path:
    with tempfile.TemporaryDirectory() as place:
        return Path(json.loads(_go("mod", "download", "-json", module, cwd=place))["Dir"])


def _go(*arguments: str, cwd: str) -> str:
    env = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(["go", *arguments], cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"go {' '.join(arguments)} failed: see above")
    return done.stdout


if __name__ == "__main__":
    if "--cached" in sys.argv:
        sys.exit(not is_cached())
    build()
    print(folder())
