"""SIGKILL at each named point, the first, second and third time, on both destinations; a restart; the oracle."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from support import events
from support.destinations import Query, duckdb_file, postgres
from support.oracle import assert_exactly_once
from support.service import running

EVENTS, PARTITIONS, BATCH = 3_000, 3, 300
IN_EVERY_BATCH = (
    "poll.after", "decode.mid", "load.after_copy", "offset.before_cas", "commit.before_send", "commit.after_send",
    "commit.after_ack", "acknowledge.before",
)  # fmt: skip
IN_EVERY_CHANGE = ("schema.before_ddl", "schema.after_ddl_before_data")
ONCE_A_LIFE = ("claim.after_epoch",)
TIMES = (1, 2, 3)


@dataclass(frozen=True)
class Place:
    """Where one run reads and writes."""

    bootstrap: str
    topic: str
    url: str
    dataset: str
    query: Query

    @property
    def args(self) -> tuple[str, ...]:
        return ("--brokers", self.bootstrap, "--topic", self.topic, "--to", self.url, "--dataset", self.dataset)

    @property
    def env(self) -> dict[str, str]:
        return {
            "HEADRACE__PIPELINE": self.dataset,
            "HEADRACE__KAFKA__INSTANCE_ID": "only",
            "HEADRACE__KAFKA__SESSION_TIMEOUT_SECONDS": "6",
            "HEADRACE__BATCHING__MAX_ROWS": str(BATCH),
            "HEADRACE__TABLES__NAME_TEMPLATE": "orders",
        }

    def killed(self, failpoints: str) -> None:
        """Live one life that ends at the armed point, and fail when the point never fired."""
        with running(*self.args, "--until", "latest", env=self.env, failpoints=failpoints) as service:
            code = service.wait()
            assert service.fired, f"{failpoints} never fired; exit code {code}:\n{service.log[-3000:]}"
            assert code == -signal.SIGKILL

    def finished(self) -> None:
        """Live one life to the end of the topic, and let the oracle judge."""
        with running(*self.args, "--until", "latest", env=self.env) as service:
            code = service.wait()
            assert code == 0, service.log[-3000:]
        assert_exactly_once(self.bootstrap, self.query, self.dataset, {self.topic: "orders"})


@pytest.fixture(scope="module")
def backlog(kafka) -> tuple[str, str]:
    """A topic of orders whose shape drifts, with poison, which all runs of this module read."""
    name = f"crash-{uuid.uuid4().hex[:10]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    values = events.orders(EVENTS, seed=11, drift=True, poison_every=500)
    events.produce(kafka.bootstrap, name, values, partitions=PARTITIONS)
    return kafka.bootstrap, name


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request, backlog, dataset, tmp_path: Path) -> Iterator[Place]:
    bootstrap, topic = backlog
    if request.param == "duckdb":
        path = tmp_path / "crash.duckdb"
        yield Place(bootstrap, topic, f"duckdb:///{path}", dataset, duckdb_file(path))
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        yield Place(bootstrap, topic, dsn, dataset, postgres(dsn))


@pytest.mark.parametrize("nth", TIMES)
@pytest.mark.parametrize("point", IN_EVERY_BATCH + IN_EVERY_CHANGE)
def test_a_kill_in_mid_batch_neither_loses_nor_doubles_an_event(place, point, nth):
    place.killed(f"{point}=kill@{nth}")
    place.finished()


@pytest.mark.parametrize("lives", TIMES)
@pytest.mark.parametrize("point", ONCE_A_LIFE)
def test_kills_in_one_life_after_another_neither_lose_nor_double_an_event(place, point, lives):
    for _ in range(lives):
        place.killed(f"{point}=kill@1")
    place.finished()


def test_a_kill_while_draining_neither_loses_nor_doubles_an_event(place):
    with running(*place.args, env=place.env, failpoints="shutdown.mid_drain=kill") as service:
        service.until(lambda: "running" in service.log)
        service.send(signal.SIGTERM)
        assert service.wait() == -signal.SIGKILL
        assert service.fired
    place.finished()


def test_a_record_that_killed_the_decoder_twice_is_set_aside_by_the_third_start(place):
    poison = "decode.mid=kill~11-1500"
    place.killed(poison)
    place.killed(poison)
    with running(*place.args, "--until", "latest", env=place.env, failpoints=poison) as service:
        assert service.wait() == 0, service.log[-3000:]
    rejects = place.query(f"""select reason from "{place.dataset}"._hr_rejects where reason = 'kills_decoder'""")
    assert rejects == [("kills_decoder",)]
    assert_exactly_once(place.bootstrap, place.query, place.dataset, {place.topic: "orders"})
