"""A run is killed at every transition of extract, normalize and load: nothing is lost, nothing comes twice.

Some 30 seconds: two lives of a process for each point and folder.
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


@pytest.mark.parametrize("folder", ["the same folder", "an empty folder"])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_finished_by_the_next_one(tmp_path: Path, point: str, folder: str) -> None:
    log = tmp_path / "fired"
    first = live(tmp_path, HEADRACE_FAILPOINTS=f"{point}=kill", HEADRACE_FAILPOINTS_LOG=str(log))
    assert (first, log.read_text()) == (-signal.SIGKILL, f"{point} kill\n")
    if folder == "an empty folder":
        shutil.rmtree(tmp_path / "work")
    assert live(tmp_path) == 0
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as connection:
        found = connection.sql(
            "select (select count(*) from d.events), (select count(distinct id) from d.events), "
            "(select count(*) from d.events__tags), (select sum(rows) from d._hr_loads)"
        ).fetchall()
    assert found == [(1_200, 1_200, 2_400, 3_600)]


def live(folder: Path, **environ: str) -> int:
    """Run one life of the process, and return how it ended."""
    command = [sys.executable, "-c", LIFE, str(folder)]
    return subprocess.run(command, env={**os.environ, **environ}, timeout=120, cwd=folder).returncode
