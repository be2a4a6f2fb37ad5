from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.service import ROOT

PASS_THREE_TIMES = """
from checkpoints.failpoints import failpoint
for time in (1, 2, 3):
    failpoint("commit.before_send", [b"one", None, b"boom"] if time == 3 else [])
    print("passed", time, flush=True)
"""


def passing(armed: str, log: Path) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "HEADRACE_FAILPOINTS": armed, "HEADRACE_FAILPOINTS_LOG": str(log)}
    return subprocess.Popen(
        [sys.executable, "-c", PASS_THREE_TIMES], cwd=ROOT, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_without_the_variable_nothing_fires(tmp_path: Path) -> None:
    child = passing("", tmp_path / "log")
    output, errors = child.communicate(timeout=60)
    assert (child.returncode, output.count("passed"), errors) == (0, 3, "")
    assert not (tmp_path / "log").exists()


def test_without_the_variable_not_even_the_values_in_hand_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_FAILPOINTS", raising=False)
    from checkpoints.failpoints import failpoint

    failpoint("decode.mid", (pytest.fail("looked at") for _ in range(1)))


def test_a_point_that_is_not_armed_lets_pass(tmp_path: Path) -> None:
    child = passing("poll.after=kill", tmp_path / "log")
    assert child.communicate(timeout=60)[0].count("passed") == 3


@pytest.mark.parametrize(
    ("armed", "passed"), [("kill", 0), ("kill@1", 0), ("kill@2", 1), ("kill@3", 2), ("kill~boom", 2)]
)
def test_kill_strikes_at_the_time_and_the_value_it_was_armed_for(armed: str, passed: int, tmp_path: Path) -> None:
    child = passing(f"commit.before_send={armed}", tmp_path / "log")
    output, _ = child.communicate(timeout=60)
    assert (child.returncode, output.count("passed")) == (-signal.SIGKILL, passed)


def test_what_fires_is_written_down_before_the_process_dies(tmp_path: Path) -> None:
    passing("commit.before_send=kill@2", tmp_path / "log").communicate(timeout=60)
    assert (tmp_path / "log").read_text() == "commit.before_send kill\n"


def test_stop_freezes_the_process_until_it_is_told_to_go_on(tmp_path: Path) -> None:
    child = passing("commit.before_send=stop@2", tmp_path / "log")
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    child.send_signal(signal.SIGCONT)
    assert child.communicate(timeout=60)[0].count("passed") == 3


@pytest.mark.parametrize(("action", "error"), [("raise", "FailpointRaised"), ("drop_conn", "ConnectionDropped")])
def test_an_armed_error_is_raised_where_the_point_stands(action: str, error: str, tmp_path: Path) -> None:
    output, errors = passing(f"commit.before_send={action}@2", tmp_path / "log").communicate(timeout=60)
    assert output.count("passed") == 1
    assert f"checkpoints.failpoints.{error}" in errors


def test_delay_passes_in_the_end(tmp_path: Path) -> None:
    child = passing("commit.before_send=delay:0.01", tmp_path / "log")
    assert child.communicate(timeout=60)[0].count("passed") == 3
    assert (tmp_path / "log").read_text() == "commit.before_send delay:0.01\n" * 3


@pytest.mark.parametrize("armed", ["commit.befor_send=kill", "commit.before_send=explode", "commit.before_send"])
def test_what_cannot_be_armed_is_refused_with_the_valid_points(armed: str, tmp_path: Path) -> None:
    _, errors = passing(armed, tmp_path / "log").communicate(timeout=60)
    assert f"cannot arm '{armed}'" in errors
    assert "acknowledge.before, claim.after_epoch" in errors
