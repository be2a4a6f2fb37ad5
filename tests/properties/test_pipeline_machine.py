"""Extract, normalize, load, sync, drop in any order, each failing anywhere, the folder lost: each row lands once.

A resource with an incremental cursor gives all rows that there are, each time. Its state commits with the rows: after
whatever happened, one run that succeeds leaves each row in the table once. The schema drifts meanwhile.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import headrace
from checkpoints import failpoints
from stream.errors import ConfigError, PipelineStepFailed

POINTS = (
    "extract.before_write", "extract.before_rename", "extract.after_rename", "normalize.before_note",
    "normalize.after_note", "package.before_load", "schema.before_ddl", "schema.after_ddl_before_data",
    "load.after_copy", "commit.before_send", "commit.after_send", "commit.after_ack", "package.after_load",
)  # fmt: skip
AT_A_COMMIT = ("commit.before_send", "commit.after_send", "commit.after_ack")
VALUES = st.sampled_from([7, 2.5, "seven", None, [1, 2], {"deep": 1}])


class PipelineMachine(RuleBasedStateMachine):
    """Rules are what a user may do, and what may go wrong; the invariant holds after each of them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="headrace-machine-"))
        self.rows: list[dict[str, Any]] = []
        self.add(1, 3)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.pipeline().run(self.events())
            assert sorted(self.landed()) == [row["at"] for row in self.rows]
            assert not self.pipeline().has_pending_data
        finally:
            shutil.rmtree(self.folder)

    @rule(value=VALUES, count=st.integers(1, 4))
    def add(self, value: Any, count: int) -> None:
        for _ in range(count):
            self.rows.append({"at": len(self.rows), "value": value})

    @rule(point=st.none() | st.sampled_from(POINTS))
    def run(self, point: str | None) -> None:
        self.attempt(lambda: self.pipeline().run(self.events()), point)

    @rule(point=st.none() | st.sampled_from(POINTS[:3]))
    def extract(self, point: str | None) -> None:
        self.attempt(lambda: self.pipeline().extract(self.events()), point)

    @rule(point=st.none() | st.sampled_from(POINTS[3:5]))
    def normalize(self, point: str | None) -> None:
        self.attempt(self.pipeline().normalize, point)

    @rule(point=st.none() | st.sampled_from(POINTS[5:]))
    def load(self, point: str | None) -> None:
        self.attempt(self.pipeline().load, point)

    @rule()
    def sync(self) -> None:
        with suppress(ConfigError):  # while packages are pending
            self.attempt(self.pipeline().sync_destination, None)

    @rule()
    def drop_pending(self) -> None:
        self.pipeline().drop_pending_packages()

    @rule()
    def drop(self) -> None:
        self.pipeline().drop()

    @rule()
    def lose_the_folder(self) -> None:
        shutil.rmtree(self.folder / "work", ignore_errors=True)

    @invariant()
    def nothing_is_there_twice(self) -> None:
        if hasattr(self, "folder"):
            landed = self.landed()
            assert len(landed) == len(set(landed))

    def pipeline(self) -> headrace.Pipeline:
        """Return the pipeline as another process finds it."""
        url = f"duckdb:///{self.folder / 'shop.duckdb'}"
        return headrace.pipeline("shop", self.folder / "work", destination=url, dataset_name="d")

    def events(self) -> Any:
        rows = list(self.rows)

        @headrace.resource(name="events")
        def events(at: Any = headrace.incremental("at")) -> Iterator[dict[str, Any]]:
            yield from rows

        return events

    def landed(self) -> list[int]:
        file = self.folder / "shop.duckdb"
        if not file.exists():
            return []
        with duckdb.connect(str(file)) as connection:
            tables = connection.sql("select 1 from information_schema.tables where table_name = 'events'").fetchall()
            return [at for (at,) in connection.sql('select "at" from d.events').fetchall()] if tables else []

    def attempt(self, act: Callable[[], Any], point: str | None) -> None:
        """Do it; at `point`, where it comes by there, it fails."""
        if point is None:
            act()
            return
        action = "drop_conn" if point in AT_A_COMMIT else "raise"
        failpoints._SEEN[point] = 0
        failpoints._armed()[point] = failpoints._Armed(action, 1, b"")
        try:
            with suppress(PipelineStepFailed, failpoints.FailpointRaised):
                act()
        finally:
            del failpoints._armed()[point]


def test_whatever_is_done_in_whatever_order_each_row_lands_once() -> None:
    run_state_machine_as_test(PipelineMachine, settings=settings(max_examples=6, stateful_step_count=8, deadline=None))


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_long_histories_of_a_pipeline() -> None:
    run_state_machine_as_test(
        PipelineMachine, settings=settings(max_examples=100, stateful_step_count=20, deadline=None)
    )
