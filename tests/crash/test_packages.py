"""A run is killed at every transition of extract, normalize and load: nothing is lost, nothing comes twice.

Some 30 seconds on a quiet machine: two lives of a process for each point. The points at which a destination matters are
killed at with both databases, the others with DuckDB.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from checkpoints import failpoints
from support.destinations import Query, duckdb_file, postgres

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

OF_THE_LOAD: Final = ("load.after_copy", "commit.after_send", "package.after_load")

COMPLETE: Final = [(1_200, 1_200, 2_400, 3_600)]

LIFE: Final = """
import sys
import headrace

@headrace.resource
def events(at=headrace.incremental("at")):
    for number in range(1_200):
        yield {"id": number, "at": number, "tags": ["a", "b"]}

folder, url, dataset = sys.argv[1:]
headrace.pipeline("shop", folder + "/work", destination=url, dataset_name=dataset).run(events)
"""


def test_every_named_point_of_a_package_is_killed_at() -> None:
    of_packages = {point for point in failpoints.POINTS if point.startswith(("extract.", "normalize.", "package."))}
    assert of_packages <= set(POINTS)


@dataclass(frozen=True)
class Destination:
    """Where the lives of one test write, and how to look at it."""

    folder: Path
    url: str
    dataset: str
    query: Query

    def live(self, **environ: str) -> int:
        """Run one life of the process, and return how it ended."""
        command = [sys.executable, "-c", LIFE, str(self.folder), self.url, self.dataset]
        return subprocess.run(command, env={**os.environ, **environ}, timeout=120, cwd=self.folder).returncode

    def kill(self, point: str) -> None:
        """Run one life that dies at `point`."""
        log = self.folder / "fired"
        first = self.live(HEADRACE_FAILPOINTS=f"{point}=kill", HEADRACE_FAILPOINTS_LOG=str(log))
        assert (first, log.read_text()) == (-signal.SIGKILL, f"{point} kill\n")

    def counted(self) -> list[tuple[int, ...]]:
        """Return events, different events, rows of the child table, and rows in the ledger."""
        d = self.dataset
        return self.query(
            f"select (select count(*) from {d}.events) as events, (select count(distinct id) from {d}.events) as ids, "
            f"(select count(*) from {d}.events__tags) as tags, "
            f"(select cast(sum(rows) as bigint) from {d}._hr_loads) as noted"
        )


@pytest.fixture
def in_duckdb(tmp_path: Path) -> Destination:
    file = tmp_path / "shop.duckdb"
    return Destination(tmp_path, f"duckdb:///{file}", "d", duckdb_file(file))


@pytest.fixture
def in_postgres(tmp_path: Path, postgres_dsn: str) -> Destination:
    return Destination(tmp_path, postgres_dsn, f"packages_{uuid.uuid4().hex[:10]}", postgres(postgres_dsn))


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_finished_by_the_next_one(in_duckdb: Destination, point: str) -> None:
    in_duckdb.kill(point)
    assert in_duckdb.live() == 0
    assert in_duckdb.counted() == COMPLETE


@pytest.mark.parametrize("point", ["extract.after_rename", *OF_THE_LOAD])
def test_a_killed_run_is_finished_on_another_machine(in_duckdb: Destination, point: str) -> None:
    in_duckdb.kill(point)
    shutil.rmtree(in_duckdb.folder / "work")
    assert in_duckdb.live() == 0
    assert in_duckdb.counted() == COMPLETE


@pytest.mark.parametrize("machine", ["the same", "another"])
@pytest.mark.parametrize("point", OF_THE_LOAD)
def test_a_run_into_postgres_that_was_killed_is_finished(in_postgres: Destination, point: str, machine: str) -> None:
    in_postgres.kill(point)
    if machine == "another":
        shutil.rmtree(in_postgres.folder / "work")
    assert in_postgres.live() == 0
    assert in_postgres.counted() == COMPLETE
