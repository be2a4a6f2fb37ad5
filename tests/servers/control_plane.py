"""A real Kubernetes API server with its etcd, as `make test-cluster` built them. Without kubelet: no pod is started."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster import build
from servers.missing import ServerMissing
from servers.process import ServerProcess, free_port
from support import helm

ADMIN, DEPLOYER = "admin", "deployer"
_UNVERIFIED = ssl._create_unverified_context()  # it signs its own certificate, anew for each run


class ControlPlane:
    """etcd and kube-apiserver in a folder of their own, and `helm` and `kubectl` as one of its users."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-cluster-"))
        self._processes: list[ServerProcess] = []
        self._port = free_port()

    def start(self) -> None:
        """Start both and return when the API server is ready, with the CustomResourceDefinitions in it."""
        self._start_etcd(etcd := free_port())
        self._start_apiserver(etcd)
        crds = [f"--filename={build.folder() / Path(file).name}" for files in build.CRDS.values() for file in files]
        self.kubectl("apply", "--server-side", *crds)
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")

    def stop(self) -> None:
        """End both and remove their folder."""
        for process in reversed(self._processes):
            process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kubectl(self, *arguments: str, user: str = ADMIN, stdin: str = "") -> str:
        """Return what `kubectl` prints; raises `Refused` with what it says when it fails."""
        return self._ran("kubectl", arguments, user, stdin)

    def helm(self, *arguments: str, user: str = DEPLOYER, stdin: str = "") -> str:
        """Return what `helm` prints; raises `Refused` with what it says when it fails."""
        return self._ran("helm", arguments, user, stdin)

    def _ran(self, name: str, arguments: tuple[str, ...], user: str, stdin: str) -> str:
        env = {"PATH": os.defpath, "HOME": str(self._folder), "KUBECONFIG": str(self._kubeconfig(user))}
        command = [str(helm.command(name)), *arguments]
        done = subprocess.run(command, input=stdin, env=env, capture_output=True, text=True, timeout=90, check=False)
        if done.returncode:
            raise helm.Refused(done.stderr + done.stdout)
        return done.stdout + done.stderr

    def _kubeconfig(self, user: str) -> Path:
        file = self._folder / f"{user}.kubeconfig"
        if not file.exists():
            cluster = {"server": f"https://127.0.0.1:{self._port}", "insecure-skip-tls-verify": True}
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": f"token-of-{user}"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
                "current-context": "test",
            }
            file.write_text(yaml.safe_dump(config), encoding="utf-8")
        return file

    def _start_etcd(self, port: int) -> None:
        client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
        flags = [f"--data-dir={self._folder / 'etcd'}", f"--listen-client-urls={client}", "--unsafe-no-fsync"]
        flags += [f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", "--log-level=warn"]
        process = self._started("etcd", flags)
        process.wait_until(lambda: _answers(f"{client}/health"))

    def _start_apiserver(self, etcd: int) -> None:
        key = self._folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens = self._folder / "tokens.csv"
        tokens.write_text(
            f'token-of-{ADMIN},{ADMIN},{ADMIN},"system:masters"\ntoken-of-{DEPLOYER},{DEPLOYER},{DEPLOYER}\n'
        )
        process = self._started(
            "kube-apiserver",
            [
                f"--etcd-servers=http://127.0.0.1:{etcd}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self._port}",
                f"--cert-dir={self._folder / 'certificates'}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                "--service-cluster-ip-range=10.96.0.0/16",
                f"--token-auth-file={tokens}",
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
                "--disable-admission-plugins=ServiceAccount",
            ],
        )
        process.wait_until(lambda: _answers(f"https://127.0.0.1:{self._port}/readyz"))

    def _started(self, name: str, flags: list[str]) -> ServerProcess:
        folder = self._folder / f"{name}.log.d"
        folder.mkdir()
        process = ServerProcess([str(build.folder() / name), *flags], folder / "log")
        self._processes.append(process)
        return process


@contextmanager
def running() -> Iterator[ControlPlane]:
    """Run a control plane; raises `ServerMissing` where its binaries were not built."""
    if not build.is_cached():
        raise ServerMissing("etcd and kube-apiserver are not built: make test-cluster builds them, in some 8 minutes")
    plane = ControlPlane()
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2, context=_UNVERIFIED if url.startswith("https") else None) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
