"""Faults that strike an arena: each does its harm, sees that it was done, and mends it again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import psycopg

from support.arena import ORDERS, PARTITIONS, Arena
from support.intruder import join_once
from support.proxy import Proxy, Weather
from support.service import Service, wait_until

Fault: TypeAlias = Callable[[Arena], None]
"""Raises `AssertionError` when it had no effect."""


def kill(arena: Arena) -> None:
    """SIGKILL a replica."""
    assert arena.dismiss(arena.chance.choice(arena.alive), signal.SIGKILL) == -signal.SIGKILL


def leave(arena: Arena) -> None:
    """SIGTERM a replica: it leaves in good order."""
    replica = arena.chance.choice(arena.alive)
    code = arena.dismiss(replica, signal.SIGTERM)
    assert code == 0, replica.log[-3000:]


def freeze(arena: Arena) -> None:
    """SIGSTOP a replica, for less or for more than its session lasts, and wake it."""
    replica = arena.chance.choice(arena.alive)
    replica.send(signal.SIGSTOP)
    wait_until(lambda: replica.stopped)
    _last(arena, 1, 9)
    replica.send(signal.SIGCONT)
    wait_until(lambda: not replica.stopped)


def intrude(arena: Arena) -> None:
    """Let a stranger join the group and leave it: two rebalances."""
    join_once(arena.kafka.bootstrap, arena.dataset, arena.chance.choice(list(arena.topics.values())))


def rewind(arena: Arena) -> None:
    """Let an operator rewind a partition of the orders in mid-stream."""
    number = arena.chance.randrange(PARTITIONS)
    wait_until(lambda: arena.standing().get((arena.topics[ORDERS], number), 0) > 0, tell=arena.logs)
    stands = arena.standing()[arena.topics[ORDERS], number]
    done = arena.rewind(number, arena.chance.randrange(max(0, stands - 2_000), stands))
    assert done["done"], done


def meddle(arena: Arena) -> None:
    """DDL from outside: an index, a column of somebody else's, a lock on a whole table, and all of it away again."""
    table = f'"{arena.dataset}"."{ORDERS}"'
    with psycopg.connect(arena.postgres.dsn) as connection:
        for statement in (
            f"create index meddler on {table} (uid)",
            f"alter table {table} add column meddlers_note text",
            f"lock table {table} in access exclusive mode",
        ):
            connection.execute(statement.encode())
        _last(arena, 1, 4)
        connection.commit()
        connection.execute(f"alter table {table} drop column meddlers_note".encode())
        connection.execute(f'drop index "{arena.dataset}".meddler'.encode())


def lose_commit(arena: Arena) -> None:
    """Cut a connection to the database before a COMMIT gets there."""
    _strike(arena, arena.to_postgres, Weather(lose_commit=True))


def lose_commit_answer(arena: Arena) -> None:
    """Cut a connection to the database when the answer to a COMMIT comes back."""
    _strike(arena, arena.to_postgres, Weather(lose_commit_answer=True))


def cut_inside_a_load(arena: Arena) -> None:
    """Cut a connection to the database somewhere among the rows."""
    _strike(arena, arena.to_postgres, Weather(cut_after_bytes=arena.chance.randrange(1_000, 60_000)))


def kill_database(arena: Arena) -> None:
    """SIGKILL PostgreSQL, as a power cut would, and start it again."""
    arena.postgres.kill()
    _last(arena, 0.5, 3)
    arena.postgres.start()


def kill_broker(arena: Arena) -> None:
    """SIGKILL the broker, and start it again."""
    arena.kafka.kill()
    _last(arena, 0.5, 3)
    arena.kafka.start()


def cut(proxy: Callable[[Arena], Proxy]) -> Fault:
    """Return the fault that cuts all connections of a proxy, and refuses new ones for a while."""

    def fault(arena: Arena) -> None:
        wait_until(lambda: proxy(arena).connections > 0, tell=arena.logs)
        proxy(arena).weather = weather = Weather(refuse=True)
        proxy(arena).cut()
        _last(arena, 0.5, 3)
        wait_until(weather.fired.is_set, tell=arena.logs)
        proxy(arena).weather = Weather()

    return fault


def delay(proxy: Callable[[Arena], Proxy]) -> Fault:
    """Return the fault that makes a network slow for a while."""
    return lambda arena: _strike(arena, proxy(arena), Weather(delay_seconds=arena.chance.uniform(0.05, 0.3)), (2, 5))


def swallow(proxy: Callable[[Arena], Proxy]) -> Fault:
    """Return the fault that leaves connections open and lets nothing through, for less or more than they last."""

    def fault(arena: Arena) -> None:
        _strike(arena, proxy(arena), Weather(blackhole=True), (1, 8))
        proxy(arena).cut()  # what was swallowed is gone for ever: no such connection can go on

    return fault


def fill_disk(disk: Path) -> Fault:
    """Return the fault that leaves no room in the file system at `disk`, until PostgreSQL has said so."""

    def fault(arena: Arena) -> None:
        seen = {replica: len(replica.log) for replica in arena.alive}
        filler = disk / "filler"
        try:
            _fill(filler)
            wait_until(lambda: any(_complains(replica, seen[replica]) for replica in arena.alive), tell=arena.logs)
        finally:
            filler.unlink()

    return fault


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(65_536)):
                pass
        except OSError:  # there is no room left
            return


def _complains(replica: Service, since: int) -> bool:
    return "No space left" in replica.log[since:] or "53100" in replica.log[since:]


def faults(disk: Path | None) -> Mapping[str, Fault]:
    """Return all faults by name; the one that needs a small disk where there is one."""

    def broker(arena: Arena) -> Proxy:
        return arena.to_kafka

    def database(arena: Arena) -> Proxy:
        return arena.to_postgres

    known: dict[str, Fault] = {
        each.__name__: each
        for each in (
            kill, leave, freeze, intrude, rewind, meddle, lose_commit, lose_commit_answer, cut_inside_a_load,
            kill_database, kill_broker,
        )
    }  # fmt: skip
    for name, proxy in (("broker", broker), ("database", database)):
        known |= {f"cut_{name}": cut(proxy), f"delay_{name}": delay(proxy), f"swallow_{name}": swallow(proxy)}
    return known | ({"fill_disk": fill_disk(disk)} if disk else {})


def _strike(arena: Arena, proxy: Proxy, weather: Weather, seconds: tuple[float, float] = (0, 0)) -> None:
    """Let weather rage until it has had an effect, and as long as it is to last."""
    proxy.weather = weather
    try:
        wait_until(weather.fired.is_set, tell=arena.logs)
        _last(arena, *seconds)
    finally:
        proxy.weather = Weather()


def _last(arena: Arena, least_seconds: float, most_seconds: float) -> None:
    """Let a fault last: how long is part of the seeded schedule, and no signal for anything."""
    time.sleep(arena.chance.uniform(least_seconds, most_seconds))
