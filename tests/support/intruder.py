"""A member of somebody else's making that joins a consumer group, so that its other members must let go."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition


def disturb(bootstrap: str, group: str, topic: str, *, until: Callable[[], bool], seconds: float = 60) -> None:
    """Join `group` and leave it, again and again, until `until()`. Reads nothing and commits nothing."""
    deadline = time.monotonic() + seconds
    while not until():
        _join_and_leave(bootstrap, group, topic, until, deadline)
        if time.monotonic() > deadline:
            raise AssertionError(f"not reached in {seconds} s of rebalances")


def join_once(bootstrap: str, group: str, topic: str, *, seconds: float = 60) -> None:
    """Join `group`, and leave it once the group gave us partitions of its members'."""
    got = []
    deadline = time.monotonic() + seconds
    while not got:
        if time.monotonic() > deadline:
            raise AssertionError(f"no partition in {seconds} s")
        got = _join_and_leave(bootstrap, group, topic, lambda: False, deadline)


def _join_and_leave(
    bootstrap: str, group: str, topic: str, until: Callable[[], bool], deadline: float
) -> list[TopicPartition]:
    member = Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "partition.assignment.strategy": "roundrobin",
        "session.timeout.ms": 6_000, "enable.auto.commit": False, "auto.offset.reset": "latest",
    })  # fmt: skip
    try:
        member.subscribe([topic])
        while not until() and not member.assignment() and time.monotonic() < deadline:
            member.poll(0.1)
        return list(member.assignment())
    finally:
        member.close()
