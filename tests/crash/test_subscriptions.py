"""A static member whose topics change within its session: the group still has the old ones for it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from support import events
from support.destinations import duckdb_file, position
from support.service import running

EVENTS = 40


@pytest.fixture
def names(kafka, topic) -> dict[str, str]:
    """Three topics with some orders each, by a short name."""
    names = {short: topic(short) for short in ("a", "b", "c")}
    for name in names.values():
        events.produce(kafka.bootstrap, name, events.orders(EVENTS, seed=1))
    return names


@pytest.mark.parametrize(
    ("before", "after", "death"),
    [
        ("ab", "a", ""),
        ("ab", "a", "commit.after_ack=kill"),
        ("ab", "bc", ""),
        ("a", "ab", "commit.after_ack=kill"),
        ("ab", "a|c", ""),
    ],
    ids=["fewer", "fewer, after SIGKILL", "others", "more, after SIGKILL", "a pattern"],
)
def test_a_static_member_reads_the_topics_that_it_asks_for_now(
    kafka, names, dataset, tmp_path: Path, before: str, after: str, death: str
) -> None:
    file = tmp_path / "topics.duckdb"
    env = {"HEADRACE__KAFKA__INSTANCE_ID": "only", "HEADRACE__KAFKA__SESSION_TIMEOUT_SECONDS": "30"}
    where = ("--brokers", kafka.bootstrap, "--to", f"duckdb:///{file}", "--dataset", dataset, "--pipeline", dataset)

    def life(topics: str, failpoints: str) -> None:
        if "|" in topics:
            words = ["--pattern", "|".join(names[short] for short in topics.split("|"))]
        else:
            words = [word for short in topics for word in ("--topic", names[short])]
        with running(*words, *where, "--until", "latest", env=env, failpoints=failpoints) as service:
            assert service.wait() == (-signal.SIGKILL if failpoints else 0), service.log[-3000:]

    life(before, death)
    life(after, "")
    stands = position(duckdb_file(file), dataset)
    for short in after.replace("|", ""):
        assert stands[names[short], 0] == EVENTS
