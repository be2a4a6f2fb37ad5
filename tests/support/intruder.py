"""A member of somebody else's making that joins a consumer group, so that its other members must let go."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import Consumer


def disturb(bootstrap: str, group: str, topic: str, *, until: Callable[[], bool], seconds: float = 60) -> None:
    """Join `group` and leave it, again and again, until `until()`. Reads nothing and commits nothing."""
    deadline = time.monotonic() + seconds
    while not until():
        _join_and_leave(bootstrap, group, topic, until, deadline)
        if time.monotonic() > deadline:
            raise AssertionError(f"not reached in {seconds} s of rebalances")


def _join_and_leave(bootstrap: str, group: str, topic: str, until: Callable[[], bool], deadline: float) -> None:
    member = Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "partition.assignment.strategy": "roundrobin",
        "session.timeout.ms": 6_000, "enable.auto.commit": False, "auto.offset.reset": "latest",
    })  # fmt: skip
    try:
        member.subscribe([topic])
        while not until() and not member.assignment() and time.monotonic() < deadline:
            member.poll(0.1)
    finally:
        member.close()
