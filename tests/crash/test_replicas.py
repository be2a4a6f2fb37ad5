"""Several replicas of one pipeline on one PostgreSQL: they come and go, die, freeze and wake. The auditor looks on."""

from __future__ import annotations

import random
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from support import events
from support.auditor import auditing
from support.place import TABLE, Place, on_postgres
from support.proxy import Weather, proxied
from support.service import Service, wait_until

PARTITIONS = 6
SOME = 600
STORM_SEEDS = (1, 2)
STORM_ROUNDS = 8
FAULTS = (
    lambda: Weather(lose_commit=True),
    lambda: Weather(lose_commit_answer=True),
    lambda: Weather(cut_after_bytes=40_000),
)
# Nobody shares an instance id here: a replica that leaves or dies is to be replaced. Frozen transactions end soon.
REPLICA = {
    "kafka__instance_id": "",
    "destination__idle_in_transaction_seconds": "2",
    "destination__statement_timeout_seconds": "5",
    "destination__lock_timeout_seconds": "3",
}


@dataclass
class Fleet:
    """The replicas of one pipeline, and a producer that feeds them."""

    place: Place
    stack: ExitStack
    seeds: Iterator[int] = field(default_factory=lambda: count(1))
    alive: list[Service] = field(default_factory=list)

    def start(self, failpoints: str = "", *, url: str = "") -> Service:
        """Start one more replica, and wait no longer than until it would hear a signal."""
        place = replace(self.place, url=url or self.place.url)
        replica = self.stack.enter_context(place.running(failpoints=failpoints))
        replica.until(lambda: "starting" in replica.log)
        self.alive.append(replica)
        return replica

    def leave(self, replica: Service) -> None:
        """Let a replica end in good order."""
        self.alive.remove(replica)
        replica.drain()

    def kill(self, replica: Service) -> None:
        """End a replica with SIGKILL."""
        self.alive.remove(replica)
        replica.send(signal.SIGKILL)
        replica.wait()

    def produce(self, number: int = SOME) -> None:
        values = events.orders(number, seed=next(self.seeds), poison_every=100)
        events.produce(self.place.bootstrap, self.place.topic, values, partitions=PARTITIONS)

    @contextmanager
    def flow(self) -> Iterator[None]:
        """Produce without a pause while the block lasts, so that whatever happens meets loads in flight."""
        over = threading.Event()

        def pour() -> None:
            while not over.is_set():
                self.produce(SOME // 6)

        with ThreadPoolExecutor(1) as thread:
            pouring = thread.submit(pour)
            try:
                yield
            finally:
                over.set()
                pouring.result()

    def carry(self, number: int = SOME) -> None:
        """Produce, and return when everything has landed (I4)."""
        self.produce(number)
        self.place.until_caught_up(*self.alive)

    def share(self, replicas: int) -> None:
        """Return when so many replicas own partitions."""
        owners = f'select distinct owner from "{self.place.dataset}"._hr_offsets'
        wait_until(lambda: len(self.place.query(owners)) == replicas, tell=self._tell)

    def _tell(self) -> str:
        return "\n".join(replica.log[-1500:] for replica in self.alive)


@pytest.fixture
def place(kafka, topic, postgres_dsn, dataset) -> Place:
    return on_postgres(kafka.bootstrap, topic(partitions=PARTITIONS), postgres_dsn, dataset).with_settings(**REPLICA)


@contextmanager
def fleet(place: Place) -> Iterator[Fleet]:
    """Run replicas while the block lasts; at its end all that live drain, and auditor and oracle judge."""
    with auditing(place.url, place.dataset, {place.topic: TABLE}), ExitStack() as stack:
        replicas = Fleet(place, stack)
        yield replicas
        replicas.carry()
        for replica in tuple(replicas.alive):
            replicas.leave(replica)
    place.judged()


def test_replicas_join_and_leave_in_mid_stream(place):
    with fleet(place) as replicas:
        first = replicas.start()
        replicas.carry()
        replicas.start(), replicas.start()
        replicas.produce()
        replicas.share(3)
        replicas.carry()
        replicas.produce()
        replicas.leave(first)
        replicas.carry()
        replicas.share(2)


def test_the_partitions_of_a_killed_replica_are_taken_over(place):
    with fleet(place) as replicas:
        doomed = replicas.start()
        replicas.start()
        replicas.carry()
        replicas.share(2)
        replicas.produce()
        replicas.kill(doomed)
        replicas.carry()
        replicas.share(1)


@pytest.mark.parametrize("seed", STORM_SEEDS)
def test_a_storm_of_rebalances_and_faults_neither_loses_nor_doubles_an_event(place, seed):
    chance = random.Random(seed)
    with proxied(place.url) as proxy, fleet(place) as replicas:
        url = proxy.dsn(place.url)
        replicas.start(url=url)
        replicas.carry()
        with replicas.flow():
            for _ in range(STORM_ROUNDS):
                proxy.weather = weather = chance.choice(FAULTS)()
                others = replicas.alive[1:]
                match chance.choice(("start", "leave", "kill")):
                    case "leave" if others:
                        replicas.leave(chance.choice(others))
                    case "kill" if others:
                        replicas.kill(chance.choice(others))
                    case _ if len(others) < 3:
                        replicas.start(url=url)
                wait_until(weather.fired.is_set)
        replicas.carry()


@pytest.mark.parametrize("point", ["poll.after", "load.after_copy", "offset.before_cas", "commit.before_send"])
def test_a_zombie_that_wakes_after_a_takeover_is_fenced(place, point):
    with fleet(place) as replicas:
        replicas.produce()
        zombie = replicas.start(failpoints=f"{point}=stop@2")
        zombie.until(lambda: zombie.stopped)
        replicas.start()
        replicas.carry()
        zombie.send(signal.SIGCONT)
        zombie.until(lambda: bool(re.search("fenced by a newer owner|removed from the consumer group", zombie.log)))
        replicas.share(2)


def test_a_zombie_that_wakes_with_its_commit_landed_goes_on(place):
    with fleet(place) as replicas:
        replicas.produce()
        zombie = replicas.start(failpoints="commit.after_send=stop@2")
        zombie.until(lambda: zombie.stopped)
        replicas.start()
        replicas.carry()
        zombie.send(signal.SIGCONT)
        replicas.share(2)


def test_a_zombie_frozen_inside_a_copy_holds_up_neither_starts_nor_changes_of_schema(place):
    with proxied(place.url) as proxy, fleet(place) as replicas:
        zombie = replicas.start(url=proxy.dsn(place.url))
        replicas.carry()
        proxy.weather.delay_seconds = 0.3
        replicas.produce()
        zombie.until(place.is_copying)
        proxy.weather.blackhole = True
        zombie.send(signal.SIGSTOP)
        replicas.start()
        events.produce(place.bootstrap, place.topic, [events.stamped({"gift": True}, uid="new")])
        place.until_caught_up(*replicas.alive)
        proxy.weather = Weather()
        zombie.send(signal.SIGCONT)
        replicas.share(2)


def test_replicas_that_discover_new_columns_at_once_agree(place):
    slow = "schema.before_ddl=delay:0.5"  # long enough for both to have planned from the same schema
    with fleet(place) as replicas:
        both = replicas.start(slow), replicas.start(slow)
        replicas.carry()
        replicas.share(2)
        values = [
            events.stamped({"gift": True, f"field_{index % PARTITIONS}": index}, uid=f"new-{index}")
            for index in range(SOME)
        ]
        events.produce(place.bootstrap, place.topic, values, partitions=PARTITIONS)
        place.until_caught_up(*both)
        assert any("schema_conflict" in replica.log for replica in both)
