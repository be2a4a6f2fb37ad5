"""A run is killed at every transition of extract, normalize and load: nothing is lost, nothing comes twice.

Some 30 seconds on a quiet machine: two lives of a process for each point.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb
import pytest

from checkpoints import failpoints

POINTS: Final = (
    "extract.before_write",
    "extract.before_rename",
    "extract.after_rename",
    "normalize.before_note",
    "normalize.after_note",
    "package.before_load",
    "schema.before_ddl",
    "schema.after_ddl_before_data",
    "load.after_copy",
    "commit.before_send",
    "commit.after_send",
    "commit.after_ack",
    "package.after_load",
)

COMPLETE: Final = [(1_200, 1_200, 2_400, 3_600)]

LIFE: Final = """
import sys
import headrace

@headrace.resource
def events(at=headrace.incremental("at")):
    for number in range(1_200):
        yield {"id": number, "at": number, "tags": ["a", "b"]}

folder = sys.argv[1]
shop = headrace.pipeline("shop", folder + "/work", destination="duckdb:///" + folder + "/shop.duckdb", dataset_name="d")
shop.run(events)
"""


def test_every_named_point_of_a_package_is_killed_at() -> None:
    of_packages = {point for point in failpoints.POINTS if point.startswith(("extract.", "normalize.", "package."))}
    assert of_packages <= set(POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_finished_by_the_next_one(tmp_path: Path, point: str) -> None:
    kill(tmp_path, point)
    assert live(tmp_path) == 0
    assert counted(tmp_path) == COMPLETE


@pytest.mark.parametrize(
    "point", ["extract.after_rename", "load.after_copy", "commit.after_send", "package.after_load"]
)
def test_a_killed_run_is_finished_on_another_machine(tmp_path: Path, point: str) -> None:
    kill(tmp_path, point)
    shutil.rmtree(tmp_path / "work")
    assert live(tmp_path) == 0
    assert counted(tmp_path) == COMPLETE


def kill(folder: Path, point: str) -> None:
    """Run one life that dies at `point`."""
    log = folder / "fired"
    first = live(folder, HEADRACE_FAILPOINTS=f"{point}=kill", HEADRACE_FAILPOINTS_LOG=str(log))
    assert (first, log.read_text()) == (-signal.SIGKILL, f"{point} kill\n")


def counted(folder: Path) -> list[tuple[int, ...]]:
    """Return events, different events, rows of the child table, and rows in the ledger."""
    with duckdb.connect(str(folder / "shop.duckdb"), read_only=True) as connection:
        return connection.sql(
            "select (select count(*) from d.events), (select count(distinct id) from d.events), "
            "(select count(*) from d.events__tags), (select sum(rows) from d._hr_loads)"
        ).fetchall()


def live(folder: Path, **environ: str) -> int:
    """Run one life of the process, and return how it ended."""
    command = [sys.executable, "-c", LIFE, str(folder)]
    return subprocess.run(command, env={**os.environ, **environ}, timeout=120, cwd=folder).returncode
