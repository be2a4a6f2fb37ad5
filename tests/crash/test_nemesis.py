"""Three replicas under seeded random faults, with the auditor looking on; at the end all invariants (I1 to I8).

`make soak` lets it last for hours: HEADRACE_SOAK_SECONDS, HEADRACE_SOAK_SEED.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from servers import kafka as kafka_server
from servers import postgres as postgres_server
from servers import run
from servers.postgres import PostgresServer
from support import events
from support.arena import ORDERS, PARTITIONS, STOCK, Arena
from support.auditor import auditing
from support.nemesis import faults
from support.place import TABLE
from support.proxy import proxied, proxied_broker
from support.service import wait_until
from support.small_disk import small_disk

SECONDS = float(os.environ.get("HEADRACE_SOAK_SECONDS", "120"))
SEED = int(os.environ.get("HEADRACE_SOAK_SEED", "1"))
DISK_MEGABYTES = 64 + int(SECONDS / 5)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("nemesis"), pytest.mark.timeout(SECONDS * 3 + 600)]


@contextmanager
def disk() -> Iterator[Path]:
    """Give a small disk that every user may look into; unmounted after the server that has its tables there ended."""
    with tempfile.TemporaryDirectory(prefix="headrace-disk-") as folder:
        Path(folder).chmod(0o755)
        with small_disk(Path(folder, "disk"), DISK_MEGABYTES) as small:
            yield small.path


def with_tablespace(server: PostgresServer, path: Path) -> str:
    """Make the tablespace `small` on a disk; return what a URL ends with for all tables to lie there."""
    home = path / "tables"
    home.mkdir(mode=0o700)
    if server.user:
        shutil.chown(home, server.user)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"create tablespace small location '{home}'".encode())
    return "?options=-c%20default_tablespace%3Dsmall"


@contextmanager
def arena_of(dataset: str, chance: random.Random) -> Iterator[tuple[Arena, Path]]:
    with ExitStack() as stack:
        small = stack.enter_context(disk())
        kafka = stack.enter_context(kafka_server.owned())
        postgres = stack.enter_context(postgres_server.owned())
        options = with_tablespace(postgres, small)
        address = kafka.address
        to_kafka = stack.enter_context(proxied_broker(address.behind_bootstrap, address.proxy_bootstrap))
        to_postgres = stack.enter_context(proxied(postgres.dsn))
        topics = {name: events.fresh_topic(kafka.bootstrap, name, partitions=PARTITIONS) for name in (ORDERS, STOCK)}
        pause = 0.2 if SECONDS <= 300 else 2.0
        replicas = stack.enter_context(ExitStack())
        yield Arena(kafka, postgres, to_kafka, to_postgres, dataset, topics, chance, replicas, options, pause), small


def test_under_random_faults_every_event_lands_once_and_every_invariant_holds(dataset: str) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}, {SECONDS:g} s")  # shown when it fails
    with arena_of(dataset, chance) as (arena, small):
        known = faults(small)
        fired = dict.fromkeys(known, 0)
        with auditing(arena.postgres.dsn, dataset, {arena.topics[ORDERS]: TABLE}) as auditor:
            arena.fill()
            with arena.flow():
                wait_until(lambda: {place[0] for place in arena.standing()} == set(arena.topics.values()))
                arena.until_fresh()
                until = time.monotonic() + SECONDS
                while time.monotonic() < until or not all(fired.values()):
                    for name in chance.sample(sorted(known), len(known)):
                        print(f"{until - time.monotonic():.0f} s left: {name}")
                        known[name](arena)
                        fired[name] += 1
                        arena.fill()
                        arena.until_fresh()
                        arena.check_stock()
                        arena.check_bounds()
                        if time.monotonic() > until and all(fired.values()):
                            break
            arena.until_caught_up()
            arena.check_accounts()
            auditor.wait_for(1)
            log = arena.judge()
            run.note("fired", [f"nemesis {name}" for name, times in fired.items() for _ in range(times)])
            print(f"{len(log.records)} orders, {auditor.snapshots} snapshots, {fired}")
