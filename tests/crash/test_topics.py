"""Topics as Kafka really has them, end to end: transactions, compaction, codecs, retention, topics that change."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from support import events
from support.auditor import auditing
from support.log import Log, ends, read_log
from support.oracle import assert_each_landed_once, assert_ledger_adds_up
from support.place import TABLE, Place, on_duckdb, on_postgres
from support.service import headrace, wait_until

GAP_EXIT = 5
LARGE_BYTES = 8 * 1024 * 1024
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture(params=["duckdb", "postgresql"])
def place_of(request, kafka, dataset, tmp_path):
    """Call it with a topic for the place where that topic goes."""

    def place(topic: str) -> Place:
        if request.param == "duckdb":
            return on_duckdb(kafka.bootstrap, topic, tmp_path / "topics.duckdb", dataset)
        return on_postgres(kafka.bootstrap, topic, request.getfixturevalue("postgres_dsn"), dataset)

    return place


@pytest.fixture
def admin(kafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


def holes(place: Place) -> int:
    """Return how many offsets the ledger says were no records."""
    ((number,),) = place.query(f'select sum(holes) from "{place.dataset}"._hr_loads')
    return int(number)


def test_of_transactions_only_what_was_committed_lands(topic, place_of):
    place = place_of(topic(partitions=2))
    producer = Producer({"bootstrap.servers": place.bootstrap, "transactional.id": place.topic})
    producer.init_transactions(30)
    for seed in range(1, 7):
        producer.begin_transaction()
        events.send(producer, place.topic, events.orders(200, seed=seed), partitions=2)
        if seed % 2:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)  # the last one: each log ends with aborted records and their marker
    log = place.finished()
    assert {stamp.uid.partition("-")[0] for stamp in log.stamps.values()} == {"1", "3", "5"}
    assert place.position() == {number: end for (_, number), end in ends(place.bootstrap, [place.topic]).items()}
    assert holes(place) == 3 * 200 + 6 * 2


def test_the_holes_of_a_compacted_topic_are_stepped_over(topic, place_of):
    place = place_of(topic(config={"cleanup.policy": "compact", "segment.ms": "50", "min.cleanable.dirty.ratio": "0"}))
    keys = [f"key-{index % 20}" for index in range(400)]
    produce_keyed(place, keys, events.orders(400, seed=1))
    ticks = iter(range(1_000))

    def compacted() -> bool:
        tick = next(ticks)  # an append rolls the segment: only closed ones are compacted
        produce_keyed(place, [f"tick-{tick}"], events.orders(1, seed=2, first=tick))
        return len(read_log(place.bootstrap, [place.topic]).records) == 20 + tick + 1

    wait_until(compacted)
    place.finished()
    assert holes(place) == 380


@pytest.mark.parametrize("lives_before", [0, 1], ids=["to the group's first member", "to one that replaced another"])
def test_a_partition_added_in_flight_is_read_from_its_beginning(
    topic, admin, kafka, postgres_dsn, dataset, lives_before: int
):
    """A static member that replaces another is not told that it leads the group: aiokafka would not look then."""
    place = on_postgres(kafka.bootstrap, topic(partitions=2), postgres_dsn, dataset).with_settings(
        kafka__start="latest", kafka__session_timeout_seconds="300"
    )
    for _ in range(lives_before):
        with place.running() as service:
            service.until(lambda: len(place.position()) == 2)
    with auditing(postgres_dsn, dataset, {place.topic: TABLE}), place.running() as service:
        service.until(lambda: len(place.position()) == 2 and "claimed" in service.log)
        produce(place, seed=1, partitions=2)
        place.until_caught_up(service)
        admin.create_partitions([NewPartitions(place.topic, 3)])[place.topic].result(30)
        wait_until(lambda: len(ends(place.bootstrap, [place.topic])) == 3)
        produce(place, seed=2, partitions=3)
        place.until_caught_up(service, seconds=90)  # metadata is asked for every 30 s
        service.drain()
    place.judged()


def test_tombstones_and_absent_keys_are_counted_and_harm_no_neighbour(topic, place_of):
    place = place_of(topic(partitions=2))
    orders = list(events.orders(300, seed=1))
    values = [None if index % 7 == 0 else value for index, value in enumerate(orders)]
    events.produce(place.bootstrap, place.topic, values, partitions=2)
    produce_keyed(place, ["gone", "kept"], [None, orders[0]])
    assert place.finished().tombstones == values.count(None) + 1


def test_every_codec_is_read(topic, place_of):
    place = place_of(topic(partitions=2))
    for seed, codec in enumerate(CODECS):
        settings = {"compression.type": codec}
        events.produce(place.bootstrap, place.topic, events.orders(200, seed=seed), partitions=2, **settings)
    place.finished()


def test_a_record_of_8_mb_arrives_among_small_ones(topic, place_of):
    place = place_of(topic(config={"max.message.bytes": "16777216"}))
    produce(place, seed=1)
    events.produce(place.bootstrap, place.topic, [events.stamped({"note": "ä" * (LARGE_BYTES // 2)}, uid="large")])
    produce(place, seed=2)
    place.finished()


def test_retention_that_overtook_the_stored_offset_stops_with_the_range_until_the_loss_is_accepted(
    topic, admin, place_of
):
    place = place_of(topic())
    produce(place, seed=1, number=100)
    before = place.finished()
    produce(place, seed=2, number=200)
    admin.delete_records([TopicPartition(place.topic, 0, 250)])[TopicPartition(place.topic, 0)].result(30)

    with place.running("--until", "latest") as service:
        assert service.wait() == GAP_EXIT, service.log[-3000:]
        assert f"{place.topic}[0] offsets 100..250 (retention)" in service.log
    with place.running("--until", "latest", "--accept-loss") as service:
        assert service.wait() == 0, service.log[-3000:]

    log = Log({**before.records, **read_log(place.bootstrap, [place.topic]).records})
    assert_each_landed_once(log, place.query, place.dataset, {place.topic: TABLE})
    assert_ledger_adds_up(log, place.query, place.dataset, [place.topic])
    assert place.query(f'select start_offset, stop_offset from "{place.dataset}"._hr_loads where lost') == [(100, 250)]


def test_a_topic_that_was_deleted_and_made_anew_is_not_taken_for_the_old_one(topic, admin, place_of):
    place = place_of(topic())
    produce(place, seed=1, number=100)
    place.finished()
    admin.delete_topics([place.topic])[place.topic].result(30)
    wait_until(lambda: recreated(admin, place.topic))
    produce(place, seed=2, number=200)

    with place.running("--until", "latest", "--accept-loss") as service:
        assert service.wait() == GAP_EXIT, service.log[-3000:]
        assert "(recreated)" in service.log
    assert place.query(f'select count(*) from "{place.dataset}"."{TABLE}"') == [(100,)]


def test_a_topic_that_was_made_anew_is_loaded_from_its_begin_after_a_rewind(topic, admin, place_of):
    place = place_of(topic())
    produce(place, seed=1, number=100)
    place.finished()
    admin.delete_topics([place.topic])[place.topic].result(30)
    wait_until(lambda: recreated(admin, place.topic))
    produce(place, seed=2, number=60)

    done = headrace("rewind", "--to-beginning", "--yes", *place.args, env=place.env)
    assert done.returncode == 0, done.stderr
    place.finished()
    done = headrace("verify", "--deep", *place.args, env=place.env)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_row_of_a_topic_that_was_made_anew_has_the_id_of_an_old_one(topic, admin, place_of):
    place = place_of(topic())
    produce(place, seed=1, number=100)
    place.finished()
    admin.delete_topics([place.topic])[place.topic].result(30)
    wait_until(lambda: recreated(admin, place.topic))
    produce(place, seed=2, number=200)

    with place.with_settings(pipeline="another").running("--until", "latest") as service:
        assert service.wait() == 0, service.log[-3000:]
    for table in (TABLE, f"{TABLE}__items"):
        ((rows, ids),) = place.query(f'select count(*), count(distinct _hr_id) from "{place.dataset}"."{table}"')
        assert rows == ids > 200


def produce(place: Place, *, seed: int, number: int = 300, partitions: int = 1) -> None:
    events.produce(place.bootstrap, place.topic, events.orders(number, seed=seed), partitions=partitions)


def produce_keyed(place: Place, keys: Iterable[str], values: Iterable[bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": place.bootstrap})
    for key, value in zip(keys, values, strict=True):
        producer.produce(place.topic, value, key)
    assert producer.flush(30) == 0


def recreated(admin: AdminClient, topic: str) -> bool:
    """Create the topic, and return whether that went well: a name is free only some time after its deletion."""
    return admin.create_topics([NewTopic(topic, 1, 1)])[topic].exception(10) is None
