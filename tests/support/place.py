"""One pipeline under test: where it reads and writes, its lives as a real service, and the oracle over all of them."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from support import service
from support.destinations import Query, duckdb_file, position, postgres
from support.log import Log, ends, read_log
from support.oracle import assert_exactly_once, assert_whole
from support.service import Service, wait_until

TABLE = "orders"


@dataclass(frozen=True)
class Place:
    """Where one pipeline reads and writes. `url` may lead through a proxy; `query` never does."""

    bootstrap: str
    topic: str
    url: str
    dataset: str
    query: Query
    settings: Mapping[str, str] = field(default_factory=dict)

    def with_settings(self, **settings: str) -> Place:
        """Return the same place with further settings: `kafka__session_timeout_seconds="6"`."""
        return replace(self, settings={**self.settings, **settings})

    @property
    def args(self) -> tuple[str, ...]:
        """Return the arguments of `headrace run`."""
        return ("--brokers", self.bootstrap, "--topic", self.topic, "--to", self.url, "--dataset", self.dataset)

    @property
    def env(self) -> dict[str, str]:
        """Return the environment: small batches, a short memory for dead members, one static member."""
        settings = {
            "pipeline": self.dataset,
            "kafka__group": self.dataset,
            "kafka__instance_id": "only",
            "kafka__session_timeout_seconds": "6",
            "batching__max_rows": "300",
            "tables__name_template": TABLE,
            "retry__max_wait_seconds": "2",
            **self.settings,
        }
        return {f"HEADRACE__{name.upper()}": value for name, value in settings.items() if value}

    @contextmanager
    def running(self, *args: str, failpoints: str = "") -> Iterator[Service]:
        """Run the service here while the block lasts."""
        with service.running(*self.args, *args, env=self.env, failpoints=failpoints) as life:
            yield life

    def killed(self, failpoints: str) -> None:
        """Live one life that ends at the armed point; fail when it never fired, or left the destination torn."""
        with self.running("--until", "latest", failpoints=failpoints) as life:
            code = life.wait()
            assert life.fired, f"{failpoints} never fired; exit code {code}:\n{life.log[-3000:]}"
            assert code == -signal.SIGKILL
        self.whole()

    def whole(self) -> None:
        """Let the oracle judge what lies there at this instant (I2)."""
        assert_whole(read_log(self.bootstrap, [self.topic]), self.query, self.dataset, {self.topic: TABLE})

    def finished(self) -> Log:
        """Live one life to the end of the topic, and let the oracle judge."""
        with self.running("--until", "latest") as life:
            code = life.wait()
            assert code == 0, life.log[-3000:]
        return self.judged()

    def judged(self, *, set_aside: Collection[str] = ()) -> Log:
        """Let the oracle judge what landed (I1, I3, I6), and return what Kafka holds."""
        return assert_exactly_once(self.bootstrap, self.query, self.dataset, {self.topic: TABLE}, set_aside=set_aside)

    def is_copying(self) -> bool:
        """Return whether PostgreSQL is in the middle of a COPY of rows into this place."""
        return bool(
            self.query(
                "select 1 from pg_stat_progress_copy join pg_class on pg_class.oid = relid "
                f"join pg_namespace on pg_namespace.oid = relnamespace and nspname = '{self.dataset}' "
                "where bytes_processed > 0"
            )
        )

    def position(self) -> dict[int, int]:
        """Return the stored next offset of each partition; empty before the first claim."""
        return {number: offset for (_, number), offset in position(self.query, self.dataset).items()}

    def _has_reached(self, wanted: Mapping[int, int]) -> bool:
        standing = self.position()
        return all(standing.get(number, -1) >= offset for number, offset in wanted.items())

    def until_caught_up(self, *lives: Service, seconds: float = 60) -> None:
        """Return when everything that the topic holds now has landed (I4)."""
        wanted = {number: offset for (_, number), offset in ends(self.bootstrap, [self.topic]).items()}
        wait_until(
            lambda: self._has_reached(wanted),
            seconds=seconds,
            tell=lambda: "\n".join([f"{self.position()} of {wanted}", *(life.log[-1500:] for life in lives)]),
        )


def on_postgres(bootstrap: str, topic: str, dsn: str, dataset: str) -> Place:
    """Return a place in the database that `dsn` names."""
    return Place(bootstrap, topic, dsn, dataset, postgres(dsn))


def on_duckdb(bootstrap: str, topic: str, path: Path, dataset: str) -> Place:
    """Return a place in a DuckDB file."""
    return Place(bootstrap, topic, f"duckdb:///{path}", dataset, duckdb_file(path))
