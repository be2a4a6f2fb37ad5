"""Replicas of one pipeline between a Kafka and a PostgreSQL of the test's own, each behind a proxy; two topics flow.

The topic `orders` is appended, the topic `stock` merges. Everything that was produced is known here, so that at any
instant the tables can be held against it.
"""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from confluent_kafka import Producer

from servers.kafka import KafkaServer
from servers.postgres import PostgresServer
from servers.process import free_port
from support import events
from support.destinations import Query, position, postgres
from support.log import Log, ends, read_log
from support.oracle import assert_each_landed_once, assert_ledger_adds_up, assert_values_are_kept
from support.proxy import Proxy
from support.service import Service, fetch, headrace, running, wait_until

PARTITIONS: Final = 4
REPLICAS: Final = 3
KEYS: Final = 200
BATCH: Final = 120
POISON_EVERY: Final = 60
ORDERS, STOCK = "orders", "stock"
_MOST_BYTES: Final = 600 * 1024 * 1024  # of memory, of threads and of files: what a replica may have at its worst (I7)
_MOST_THREADS: Final = 60
_MOST_FILES: Final = 120


@dataclass
class Arena:
    """What faults strike, and what is asked afterwards."""

    kafka: KafkaServer
    postgres: PostgresServer
    to_kafka: Proxy
    to_postgres: Proxy
    dataset: str
    topics: Mapping[str, str]  # root table -> topic
    chance: random.Random
    stack: ExitStack
    url_options: str = ""
    pause_seconds: float = 0.2  # between two bursts of the producer
    alive: list[Service] = field(default_factory=list)
    stock: dict[int, list[tuple[int, int | None]]] = field(default_factory=lambda: {n: [] for n in range(PARTITIONS)})
    bursts: Iterator[int] = field(default_factory=lambda: count(1))
    http: dict[int, str] = field(default_factory=dict)  # by process id

    # -- replicas

    def start(self) -> Service:
        """Start one more replica."""
        address = f"127.0.0.1:{free_port()}"
        topics = [word for topic in self.topics.values() for word in ("--topic", topic)]
        args = ("--brokers", self.kafka.address.proxy_bootstrap, *topics, "--to", self.url, "--http", address)
        replica = self.stack.enter_context(running(*args, "--dataset", self.dataset, env=self.env))
        replica.until(lambda: "starting" in replica.log)
        self.http[replica.process.pid] = address
        self.alive.append(replica)
        return replica

    def dismiss(self, replica: Service, how: signal.Signals) -> int:
        """End a replica by a signal; return its exit code."""
        self.alive.remove(replica)
        replica.send(how)
        return replica.wait(seconds=90)

    def fill(self) -> None:
        """Start replicas until there are enough; one that ended by itself fails the test."""
        for replica in self.alive:
            assert replica.process.poll() is None, f"ended with {replica.process.returncode}:\n{replica.log[-4000:]}"
        while len(self.alive) < REPLICAS:
            self.start()

    @property
    def url(self) -> str:
        """Return the destination as replicas see it: through the proxy."""
        return self.to_postgres.dsn(self.postgres.dsn) + self.url_options

    @property
    def env(self) -> dict[str, str]:
        """Return the settings of every replica: impatient, with small batches."""
        merging = {"table": STOCK, "write_disposition": "merge", "primary_key": ["id"]}
        settings = {
            "pipeline": self.dataset,
            "kafka__group": self.dataset,
            "kafka__session_timeout_seconds": "6",
            "kafka__request_timeout_seconds": "10",
            "batching__max_rows": "200",
            "retry__max_wait_seconds": "1",
            "retry__start_seconds": "120",
            "destination__connect_timeout_seconds": "3",
            "destination__idle_in_transaction_seconds": "2",
            "destination__statement_timeout_seconds": "5",
            "destination__lock_timeout_seconds": "3",
            "topics": json.dumps({self.topics[ORDERS]: {"table": ORDERS}, self.topics[STOCK]: merging}),
        }
        return {f"HEADRACE__{name.upper()}": value for name, value in settings.items()}

    def logs(self) -> str:
        """Return the ends of all logs, for messages."""
        return "\n".join(f"{replica.process.pid}: {replica.log[-2500:]}" for replica in self.alive)

    def rewind(self, partition: int, offset: int) -> dict[str, Any]:
        """Let an operator rewind one partition of the orders, while all run."""
        args = ("--brokers", self.kafka.bootstrap, "--to", self.postgres.dsn, "--dataset", self.dataset)
        where = ("--topic", self.topics[ORDERS], "--partition", str(partition), "--to-offset", str(offset))
        done = headrace("rewind", *args, *where, "--yes", "--json", env=self.env, seconds=120)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    # -- data

    @contextmanager
    def flow(self) -> Iterator[None]:
        """Produce without an end while the block lasts."""
        over = threading.Event()
        producer = self._producer()

        def pour() -> None:
            while not over.wait(self.pause_seconds):
                self.produce(producer)

        with ThreadPoolExecutor(1) as thread:
            pouring = thread.submit(pour)
            try:
                yield
            finally:
                over.set()
                pouring.result()

    def _producer(self) -> Producer:
        settings = {"bootstrap.servers": self.kafka.bootstrap, "enable.idempotence": True, "log_level": 0}
        return Producer({**settings, "linger.ms": 5})

    def produce(self, producer: Producer | None = None) -> None:
        """Write one burst of orders, some poison among them and a schema that drifts, and one of stock."""
        producer, burst = producer or self._producer(), next(self.bursts)
        drift = burst % 10 == 0
        orders = events.orders(BATCH, seed=burst, drift=drift, poison_every=POISON_EVERY)
        events.send(producer, self.topics[ORDERS], orders, partitions=PARTITIONS)
        for index in range(BATCH):
            key, number = self.chance.randrange(KEYS), burst * BATCH + index
            gone = self.chance.random() < 0.1
            value = None if gone else events.stamped({"id": key, "n": number}, uid=f"stock-{number}")
            self.stock[key % PARTITIONS].append((key, None if gone else number))
            producer.produce(self.topics[STOCK], value, str(key).encode(), partition=key % PARTITIONS)
        assert producer.flush(120) == 0

    # -- what lies there

    @property
    def query(self) -> Query:
        """Return a reader of the database, past the proxy."""
        return postgres(self.postgres.dsn)

    def standing(self) -> dict[tuple[str, int], int]:
        """Return the stored positions."""
        return position(self.query, self.dataset)

    def until_fresh(self, *, seconds: float = 120) -> None:
        """Return when something that is in the logs now and was not committed before has been: it goes on (I4)."""
        before = self.standing()

        def moved() -> bool:
            now = self.standing()
            return all(
                any(now[place] > before.get(place, 0) for place in now if place[0] == topic)
                for topic in self.topics.values()
            )

        wait_until(moved, seconds=seconds, tell=self.logs)

    def until_caught_up(self, *, seconds: float = 180) -> None:
        """Return when all that the logs hold now has landed (I4)."""
        wanted = ends(self.kafka.bootstrap, list(self.topics.values()))
        wait_until(
            lambda: all(self.standing().get(place, -1) >= offset for place, offset in wanted.items()),
            seconds=seconds,
            tell=lambda: f"{self.standing()} of {wanted}\n{self.logs()}",
        )

    def check_stock(self) -> None:
        """Hold the table that merges against what was produced below the position, both of one instant (I2)."""
        with psycopg.connect(self.postgres.dsn) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            where = connection.execute(
                f'select "partition", next_offset from "{self.dataset}"._hr_offsets where topic = %s'.encode(),
                [self.topics[STOCK]],
            ).fetchall()
            held = connection.execute(f'select id, n from "{self.dataset}"."{STOCK}"'.encode()).fetchall()
        wanted: dict[int, int] = {}
        for number, offset in where:
            for key, value in self.stock[number][:offset]:
                wanted.pop(key, None)
                if value is not None:
                    wanted[key] = value
        assert len(held) == len(dict(held)), "a key is there twice"
        assert dict(held) == wanted, f"stock at {where}: {set(held) ^ set(wanted.items())}"

    def judge(self) -> Log:
        """Hold the logs against tables, rejects and ledger (I1, I3, I5, I6)."""
        topic = {self.topics[ORDERS]: ORDERS}
        log = read_log(self.kafka.bootstrap, list(topic))
        assert_each_landed_once(log, self.query, self.dataset, topic)
        assert_values_are_kept(log, self.query, self.dataset, topic)
        assert_ledger_adds_up(log, self.query, self.dataset, topic)
        self.check_stock()
        return log

    def check_bounds(self) -> None:
        """Ask what each replica holds of memory, threads and files, and all together of connections (I7)."""
        for replica in self.alive:
            proc = Path(f"/proc/{replica.process.pid}")
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            assert int(status["VmHWM"].split()[0]) * 1024 < _MOST_BYTES, status["VmHWM"]
            assert int(status["Threads"]) < _MOST_THREADS, status["Threads"]
            assert len(list((proc / "fd").iterdir())) < _MOST_FILES
        open_sessions = f"select count(*) from pg_stat_activity where application_name = 'headrace {self.dataset}'"
        wait_until(lambda: self.query(open_sessions)[0][0] <= len(self.alive))

    def check_accounts(self) -> None:
        """Produce one more burst, and hold what the metrics say of it against what it was (I8)."""
        before = self._landed()
        self.produce()
        self.until_caught_up()
        # A counter is told after the commit that it counts.
        wait_until(lambda: self._landed() - before == BATCH, tell=lambda: f"{self._landed() - before} of {BATCH}")

    def _landed(self) -> float:
        """Return what all replicas say of orders: rows committed, and records set aside."""
        pages = [fetch(f"http://{self.http[replica.process.pid]}/metrics") for replica in self.alive]
        return sum(
            _sum(page, lambda line: line.startswith("headrace_rows_committed_total{") and f'table="{ORDERS}"' in line)
            + _sum(page, lambda line: line.startswith("headrace_rejected_records_total{"))
            for page in pages
        )


def _sum(page: str, counts: Callable[[str], bool]) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if counts(line))
