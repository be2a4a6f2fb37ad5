"""The unit of one replica, judged by systemd itself (`systemd-analyze`); no systemd runs here to start it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from servers.packages import install
from stream.config.models import Service

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "headrace@.service"
MOST_EXPOSED = 2.0  # of 10; an unhardened unit has 9.6


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command that exists on this machine."""
    text = UNIT.read_text(encoding="utf-8")
    assert "ExecStart=/opt/headrace/bin/headrace run" in text
    here = tmp_path / UNIT.name
    here.write_text(text.replace("/opt/headrace/bin/headrace", shutil.which("true") or ""), encoding="utf-8")
    return here


def analyze(*arguments: str) -> str:
    if shutil.which("systemd-analyze") is None:
        install("systemd")
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_takes_the_unit_without_a_warning(unit: Path) -> None:
    assert analyze("verify", "--man=no", str(unit)) == ""


def test_the_service_is_hardened(unit: Path) -> None:
    told = analyze("security", "--offline=true", str(unit))
    [exposure] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(exposure) <= MOST_EXPOSED


def test_systemd_waits_for_the_drain() -> None:
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert int(seconds) >= Service().grace_seconds + 10


def test_each_replica_has_a_name_in_the_group_and_a_port_of_its_own() -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert "Environment=HEADRACE__KAFKA__INSTANCE_ID=%l-%i" in text
    assert "Environment=HEADRACE__SERVICE__HTTP=127.0.0.1:909%i" in text
