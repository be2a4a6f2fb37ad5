"""A reader of PostgreSQL that looks, again and again while others write, for an instant that is not whole (I2)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
from psycopg import Connection, IsolationLevel

RecordsBelow: TypeAlias = Callable[[str, int, int], int]


def dense(_: str, __: int, offset: int) -> int:
    """Return how many records lie below `offset` in a log without holes that starts at 0."""
    return offset


class Auditor:
    """Snapshots taken by a thread. `violations` says what was wrong in one of them; `snapshots` counts the useful."""

    def __init__(self, dsn: str, dataset: str, topics: Mapping[str, str], records_below: RecordsBelow) -> None:
        self.snapshots = 0
        self.violations: list[str] = []
        self._dsn = dsn
        self._dataset = dataset
        self._topics = topics
        self._records_below = records_below
        self.failure: Exception | None = None
        self._stopped = threading.Event()
        self._seen = threading.Condition()

    def watch(self) -> None:
        """Take snapshots until `stop` is called; goes on by itself when the server went away."""
        try:
            self._watch()
        except Exception as error:  # told by `auditing`: a thread's own end is silent
            self.failure = error

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._dsn, connect_timeout=5) as connection:
                    connection.isolation_level = IsolationLevel.REPEATABLE_READ
                    while not self._stopped.wait(0.02):
                        self._audit(connection)
            except psycopg.OperationalError:
                self._stopped.wait(0.1)

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopped.set()

    def wait_for(self, snapshots: int, *, seconds: float = 60) -> None:
        """Return when that many more snapshots were taken. Raises `TimeoutError` after `seconds`."""
        with self._seen:
            wanted = self.snapshots + snapshots
            if not self._seen.wait_for(lambda: self.snapshots >= wanted, seconds):
                raise TimeoutError(f"no {snapshots} snapshots in {seconds} s") from self.failure

    def _audit(self, connection: Connection) -> None:
        with connection.transaction():
            for topic, table in self._topics.items():
                if self._exists(connection, table) and self._exists(connection, "_hr_offsets"):
                    self._compare(connection, topic, table)

    def _exists(self, connection: Connection, table: str) -> bool:
        return connection.execute("select to_regclass(%s)", [f'"{self._dataset}"."{table}"']).fetchone() != (None,)

    def _compare(self, connection: Connection, topic: str, table: str) -> None:
        snapshot = connection.execute(
            f"""
            with landed as (
                select _kafka_partition as "partition", _kafka_offset as "offset" from "{self._dataset}"."{table}"
                union all
                select "partition", "offset" from "{self._dataset}"._hr_rejects where topic = %(topic)s
            )
            select o."partition", o.next_offset, count(l."offset"), count(distinct l."offset"), max(l."offset")
            from "{self._dataset}"._hr_offsets o left join landed l using ("partition")
            where o.topic = %(topic)s group by 1, 2
            """.encode(),
            {"topic": topic},
        ).fetchall()
        for partition, upto, rows, places, last in snapshot:
            self._judge(f"{topic}[{partition}] at {upto}", self._records_below(topic, partition, upto), rows, places)
            if last is not None and last >= upto:
                self.violations.append(f"{topic}[{partition}] at {upto}: a row at offset {last} is visible")
        self._compare_ledger(connection, topic)
        with self._seen:
            self.snapshots += 1
            self._seen.notify_all()

    def _compare_ledger(self, connection: Connection, topic: str) -> None:
        """Find ranges that overlap, leave something out, or do not end at the position (I3), folded or not."""
        if not self._exists(connection, "_hr_loads"):
            return
        snapshot = connection.execute(
            f"""
            select o."partition", o.next_offset, max(l.stop_offset), sum(l.stop_offset - l.start_offset)::bigint,
                   max(l.stop_offset) - min(l.start_offset),
                   bool_and(l.lost or l.records + l.holes = l.stop_offset - l.start_offset)
            from "{self._dataset}"._hr_offsets o join "{self._dataset}"._hr_loads l using (pipeline, topic, "partition")
            where o.topic = %(topic)s group by 1, 2
            """.encode(),
            {"topic": topic},
        ).fetchall()
        for partition, upto, end, told, length, adds_up in snapshot:
            if (end, told, adds_up) != (upto, length, True):
                self.violations.append(
                    f"{topic}[{partition}] at {upto}: the ledger ends at {end} and tells {told}/{length}"
                )

    def _judge(self, where: str, wanted: int, rows: int, places: int) -> None:
        if rows != places:
            self.violations.append(f"{where}: {rows - places} rows are twice")
        if places != wanted:
            self.violations.append(f"{where}: {places} of {wanted} records are visible")


@contextmanager
def auditing(
    dsn: str, dataset: str, topics: Mapping[str, str], records_below: RecordsBelow = dense
) -> Iterator[Auditor]:
    """Audit while the block runs and once more at its end; fail if any snapshot was torn, or the last never came."""
    auditor = Auditor(dsn, dataset, topics, records_below)
    thread = threading.Thread(target=auditor.watch, name="auditor")
    thread.start()
    try:
        yield auditor
        auditor.wait_for(1)  # it lives, and has seen what is there now
    finally:
        auditor.stop()
        thread.join()
    assert not auditor.violations, auditor.violations[:5]
