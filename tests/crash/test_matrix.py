"""SIGKILL at each named point, the first, second and third time, on both destinations; a restart; the oracle."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from checkpoints.failpoints import POINTS
from support import events
from support.intruder import disturb
from support.place import Place, on_duckdb, on_postgres

EVENTS, PARTITIONS = 3_000, 3
# The shape changes every 250 records of a partition: with fewer in a batch, there are three changes in every run.
BATCH_ROWS = 200
IN_EVERY_BATCH = (
    "poll.after", "decode.mid", "load.after_copy", "offset.before_cas", "commit.before_send", "commit.after_send",
    "commit.after_ack",
)  # fmt: skip
IN_EVERY_CHANGE = ("schema.before_ddl", "schema.after_ddl_before_data")
ONCE_A_LIFE = ("claim.after_epoch", "acknowledge.before")  # the first batch is acknowledged at once
OF_PACKAGES = ("extract.", "normalize.", "package.")  # killed at in test_packages.py
TIMES = (1, 2, 3)


@pytest.fixture(scope="module")
def backlog(kafka) -> tuple[str, str]:
    """A topic of orders whose shape drifts, with poison, which all runs of this module read."""
    name = events.fresh_topic(kafka.bootstrap, "crash", partitions=PARTITIONS)
    values = events.orders(EVENTS, seed=11, drift=True, poison_every=500)
    events.produce(kafka.bootstrap, name, values, partitions=PARTITIONS)
    return kafka.bootstrap, name


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request, backlog, dataset, tmp_path: Path) -> Place:
    if request.param == "duckdb":
        place = on_duckdb(*backlog, tmp_path / "crash.duckdb", dataset)
    else:
        place = on_postgres(*backlog, request.getfixturevalue("postgres_dsn"), dataset)
    return place.with_settings(batching__max_rows=str(BATCH_ROWS))


def test_every_named_point_is_killed_at():
    of_a_stream = {point for point in POINTS if not point.startswith(OF_PACKAGES)}
    assert {*IN_EVERY_BATCH, *IN_EVERY_CHANGE, *ONCE_A_LIFE, "shutdown.mid_drain", "revoke.enter"} == of_a_stream


@pytest.mark.parametrize("point", IN_EVERY_BATCH)
def test_kills_in_mid_batch_in_one_life_after_another_neither_lose_nor_double_an_event(place, point):
    for nth in TIMES:
        place.killed(f"{point}=kill@{nth}")
    place.finished()


@pytest.mark.parametrize("point", ["offset.before_cas", "commit.after_send"])
def test_kills_while_each_load_folds_the_ledger_neither_lose_nor_double_an_event(place, point):
    place = place.with_settings(ledger__keep_detail_seconds="0")
    for nth in TIMES:
        place.killed(f"{point}=kill@{nth}")
    place.finished()
    (folded,) = place.query(
        f'select count(*), count(distinct (topic, "partition", epoch, schema_version)) from "{place.dataset}"._hr_loads'
    )
    assert folded[0] <= folded[1] + PARTITIONS  # the last load of each partition was not there to be folded


@pytest.mark.parametrize("nth", TIMES)
@pytest.mark.parametrize("point", IN_EVERY_CHANGE)
def test_a_kill_at_a_change_of_schema_neither_loses_nor_doubles_an_event(place, point, nth):
    place.killed(f"{point}=kill@{nth}")
    place.finished()


@pytest.mark.parametrize("point", ONCE_A_LIFE)
def test_kills_at_the_claim_in_one_life_after_another_neither_lose_nor_double_an_event(place, point):
    for _ in TIMES:
        place.killed(f"{point}=kill@1")
    place.finished()


@pytest.mark.parametrize("nth", TIMES)
def test_a_kill_while_draining_with_a_load_in_flight_neither_loses_nor_doubles_an_event(place, nth):
    with place.running(failpoints=f"load.after_copy=delay:1@{nth};shutdown.mid_drain=kill") as service:
        service.until(lambda: bool(service.fired))
        service.send(signal.SIGTERM)
        assert service.wait() == -signal.SIGKILL
        assert service.fired == ["load.after_copy delay:1", "shutdown.mid_drain kill"]
    place.whole()
    place.finished()


@pytest.mark.parametrize("nth", TIMES)
def test_a_kill_while_partitions_with_loads_in_flight_are_taken_away_neither_loses_nor_doubles_an_event(place, nth):
    place = place.with_settings(kafka__instance_id="")
    with place.running(failpoints=f"load.after_copy=delay:0.4;revoke.enter=kill@{nth}") as service:
        service.until(lambda: bool(service.fired))  # from here on, nearly always
        disturb(place.bootstrap, place.dataset, place.topic, until=lambda: service.process.poll() is not None)
        assert service.process.returncode == -signal.SIGKILL
        assert service.fired[-1] == "revoke.enter kill"
    place.whole()
    place.finished()


def test_a_record_that_killed_the_decoder_twice_is_set_aside_by_the_third_start(place):
    poison = 'decode.mid=kill~"11-30"'  # in the first batch of its partition: no commit between the two deaths
    place.killed(poison)
    place.killed(poison)
    with place.running("--until", "latest", failpoints=poison) as service:
        assert service.wait() == 0, service.log[-3000:]
    rejects = place.query(f"""select reason from "{place.dataset}"._hr_rejects where reason = 'kills_decoder'""")
    assert rejects == [("kills_decoder",)]
    place.judged(set_aside={"11-30"})
