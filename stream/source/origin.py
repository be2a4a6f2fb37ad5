"""The identity of a topic: which cluster it lives in and, where the broker tells, which incarnation it is."""

from __future__ import annotations

from collections.abc import Mapping


def origin(cluster: str | None, topic_id: str | None) -> str:
    """Return a topic's identity as one string, `cluster/topic id`; a part that is not known is empty."""
    return f"{cluster or ''}/{topic_id or ''}"


def same(stored: str, found: str) -> bool:
    """Return whether two identities may be one topic: an unknown part contradicts nothing."""
    return all(
        not left or not right or left == right
        for left, right in zip(stored.split("/", 1), found.split("/", 1), strict=True)
    )


def changed(stored: Mapping[str, str], found: Mapping[str, str]) -> frozenset[str]:
    """Return the topics that are others than those that were stored."""
    return frozenset(topic for topic in stored.keys() & found.keys() if not same(stored[topic], found[topic]))


def incarnation(*origins: str) -> str:
    """Return what tells a topic from others of its name: its id, where one of `origins` has it, else its cluster's."""
    parts = [each.partition("/") for each in origins]
    return next(filter(None, (*(id for _, _, id in parts), *(cluster for cluster, _, _ in parts))), "")
