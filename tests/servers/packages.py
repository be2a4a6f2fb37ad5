"""Debian's packages, for what a machine lacks and we may install."""

from __future__ import annotations

import os
import shutil
import subprocess

from servers.missing import ServerMissing


def install(*names: str) -> None:
    """Install Debian packages, quietly; raises `ServerMissing` where that is not ours to do or does not work."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ServerMissing(f"install these packages, or run as root on Debian: {', '.join(names)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *names]):
        done = subprocess.run(["apt-get", *command], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerMissing(f"apt-get {' '.join(command)} failed:\n{done.stderr[-1000:]}")
