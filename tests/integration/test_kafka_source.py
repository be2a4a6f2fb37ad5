"""The source against a real broker: the suite, and what only a real broker does."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.lowlevel
import anyio.to_thread
import pytest
from confluent_kafka import Consumer, TopicPartition

from checkpoints import Known, Partition, Position
from servers.kafka import SASL_PASSWORD, SASL_USER, KafkaAddress, self_signed
from stream.config.models import Batching, Security
from stream.errors import OwnershipLost, SourceDenied, SourceError, SourceUnavailable
from stream.model import RawBatch
from stream.source.client import Client
from stream.source.kafka import KafkaSource
from stream.source.testing.suite import SourceContract, assigned, drained, ranges, some, values
from support.kafka_bench import KafkaBench

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bench(kafka: KafkaAddress, topic: Callable[..., str]) -> AsyncIterator[KafkaBench]:
    bench = KafkaBench(kafka.bootstrap, topic(partitions=2))
    await bench.visible(2)
    yield bench
    await bench.aclose()


class TestKafkaSource(SourceContract):
    @pytest.fixture
    async def bench(self, bench: KafkaBench) -> KafkaBench:
        return bench


async def test_only_committed_transactions_are_read(bench: KafkaBench) -> None:
    await bench.transact(0, [b"a", b"b"], commit=True)
    await bench.transact(0, [b"never", b"never"], commit=False)
    await bench.transact(0, [b"c"], commit=True)
    batches = await drained(bench.source(until="latest"))
    assert values(batches, 0) == [b"a", b"b", b"c"]
    assert ranges(batches, 0)[-1].stop == await bench.end(0)


async def test_a_compacted_topic_is_read_over_its_holes(kafka: KafkaAddress, topic: Callable[..., str]) -> None:
    compacted = topic(
        config={"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0"}
    )
    bench = KafkaBench(kafka.bootstrap, compacted)
    await bench.visible(1)
    for _ in range(3):
        await bench.produce(0, [b"x" * 1000] * 1000, keys=[b"%d" % (i % 10) for i in range(1000)])
    with anyio.fail_after(60):
        while sum(map(len, found := await drained(bench.source(until="latest")))) == 3000:
            await bench.produce(0, [b"y"], keys=[b"tick"])
    stops = ranges(found, 0)
    assert stops[0].start == 0
    assert stops[-1].stop == await bench.end(0)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_is_read(bench: KafkaBench, codec: str) -> None:
    wanted = [b'{"id": %d}' % i for i in range(1000)]
    await bench.produce(0, wanted, **{"compression.type": codec, "linger.ms": 50})
    assert values(await drained(bench.source(until="latest")), 0) == wanted


async def test_records_are_the_same_with_and_without_aiokafkas_wrapper(
    bench: KafkaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.produce(0, [b"a", None, b""], keys=[None, b"k", b""], **{"compression.type": "lz4"})
    await bench.transact(0, [b"never"], commit=False)
    await bench.transact(0, [b"b"] * 500, commit=True)
    bounded = {"until": "latest", "wants_headers": True, "batching": Batching(max_rows=13, max_age_seconds=60)}
    unwrapped = await drained(bench.source(**bounded))
    monkeypatch.setattr("stream.source.fast_records.KNOWN_VERSIONS", ("none",))
    assert await drained(bench.source(**bounded)) == unwrapped


async def test_a_record_larger_than_a_fetch_comes_through(kafka: KafkaAddress, topic: Callable[..., str]) -> None:
    bench = KafkaBench(kafka.bootstrap, topic(config={"max.message.bytes": "16000000"}))
    await bench.visible(1)
    large = b"x" * 8_000_000
    await bench.produce(0, [b"before", large, b"after"], **{"message.max.bytes": 16_000_000})
    assert values(await drained(bench.source(until="latest")), 0) == [b"before", large, b"after"]


async def test_group_offsets_follow_what_is_acknowledged_and_are_never_read(bench: KafkaBench) -> None:
    await bench.produce(0, [b"0", b"1", b"2"])
    source = bench.source()
    async with assigned(source) as assignment:
        start = await assignment.starts(Known())
        await some(assignment, start, 3)
        await source.acknowledge(Position({Partition(bench.topic, 0): 3}))
        stored = await anyio.to_thread.run_sync(_group_offset, bench)
    async with assigned(bench.source()) as assignment:
        again = await some(assignment, await assignment.starts(Known()), 3)
    assert stored == 3
    assert values(again, 0) == [b"0", b"1", b"2"]


async def test_two_members_share_the_partitions_and_lose_nothing(bench: KafkaBench) -> None:
    """The second member joins while the first reads; what both deliver from durable positions is everything, once."""
    wanted = [b"%d" % i for i in range(200)]
    durable: dict[Partition, int] = {}
    seen: list[bytes | None] = []
    done = anyio.Event()

    async def read(source: KafkaSource) -> None:
        await source.open()
        async for assignment in source.assignments():
            await assignment.starts(Known())
            start = Position({p: durable.get(p, 0) for p in assignment.partitions})
            async with aclosing(assignment.batches(start)) as batches:
                async for batch in batches:
                    durable.update({r.partition: r.stop for r in batch.ranges})
                    seen.extend(value for part in batch.parts for value in part.values)
                    if len(seen) >= 2 * len(wanted):
                        done.set()
            assignment.release()

    first, second = bench.source(), bench.source()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, first)
        await bench.produce(0, wanted[:100])
        tasks.start_soon(read, second)
        await bench.produce(0, wanted[100:])
        await bench.produce(1, wanted)
        with anyio.fail_after(60):
            await done.wait()
        first.stop()
        second.stop()
    await first.aclose()
    await second.aclose()
    assert sorted(seen, key=str) == sorted([*wanted, *wanted], key=str)


async def test_a_partition_added_in_flight_is_found_and_read_from_its_beginning(
    bench: KafkaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.source.client.METADATA_MAX_AGE_SECONDS", 1)
    source = bench.source(start="latest")
    position = Position()
    grown = False
    await source.open()
    async for assignment in source.assignments():
        known = Known(position)
        position |= await assignment.starts(known)
        if Partition(bench.topic, 2) in assignment.partitions:
            assert values(await some(assignment, position.of(assignment.partitions), 2), 2) == [b"a", b"b"]
            break
        async with anyio.create_task_group() as tasks:
            if not grown:
                tasks.start_soon(_grow, bench)
                grown = True
            assert [b async for b in assignment.batches(position.of(assignment.partitions))] == []
        assignment.release()
    await source.aclose()


async def test_a_member_that_waits_for_its_destination_stays_in_the_group(bench: KafkaBench) -> None:
    await bench.produce(0, [b"%d" % i for i in range(10)])
    async with assigned(bench.source(max_poll_interval_seconds=1.0, batching=Batching(max_rows=5))) as assignment:
        taken: list[RawBatch] = []
        async for batch in assignment.batches(await assignment.starts(Known())):
            taken.append(batch)
            if len(taken) == 2:
                break
            await anyio.sleep(3)  # not a wait for anything: three times what the group allows between two polls
        assert not assignment.ended
    assert values(taken, 0) == [b"%d" % i for i in range(10)]
    assert [event.kind for event in bench.events] == ["assigned"]


async def test_the_double_of_a_static_member_makes_one_of_them_stop(bench: KafkaBench) -> None:
    stopped: list[OwnershipLost] = []

    async def run(source: KafkaSource) -> None:
        await source.open()
        try:
            async for assignment in source.assignments():
                await assignment.starts(Known())
                start = Position(dict.fromkeys(assignment.partitions, 0))
                async for _ in assignment.batches(start):
                    pass
                assignment.release()
        except OwnershipLost as error:
            stopped.append(error)
            tasks.cancel_scope.cancel()

    sources = [bench.source(instance_id="replica-0", session_timeout_seconds=10.0) for _ in range(2)]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for source in sources:
                tasks.start_soon(run, source)
    for source in sources:
        await source.aclose()
    assert "replica-0" in str(stopped[0])


async def test_a_poll_that_was_cut_short_waits_for_nothing(bench: KafkaBench) -> None:
    source = bench.source()
    async with assigned(source):
        client = source._member
        assert isinstance(client, Client)
        for _ in range(3):
            with anyio.move_on_after(0.05) as patience:
                await client.poll(60, 1)
            assert patience.cancelled_caught
        await anyio.lowlevel.checkpoint()
        assert not client._consumer._fetcher._fetch_waiters


async def test_work_that_is_not_released_in_time_is_lost(bench: KafkaBench) -> None:
    source = bench.source(max_poll_interval_seconds=1.0)
    async with assigned(source) as assignment:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.rebalance)
            _ = [batch async for batch in assignment.batches(await assignment.starts(Known()))]
        with anyio.fail_after(30):
            while not assignment.lost:
                await anyio.lowlevel.checkpoint()
        assert assignment.lost


async def test_a_start_at_a_timestamp_begins_at_the_first_record_past_it(bench: KafkaBench) -> None:
    await bench.produce(0, [b"old"])
    [batch] = [b for b in await drained(bench.source(until="latest")) if len(b)]
    [moment] = batch.parts[0].timestamps
    async with assigned(bench.source(start=_moment(moment + 3_600_000))) as assignment:
        later = await assignment.starts(Known())
    async with assigned(bench.source(start=_moment(moment))) as assignment:
        at = await assignment.starts(Known())
    assert (at.next[Partition(bench.topic, 0)], later.next[Partition(bench.topic, 0)]) == (0, 1)


async def test_a_pattern_finds_topics_that_exist(bench: KafkaBench) -> None:
    await bench.produce(1, [b"x"])
    source = bench.source(topics=(), pattern=f"{bench.topic[:-1]}.", until="latest")
    assert values(await drained(source), 1) == [b"x"]


async def test_a_pattern_that_matches_nothing_waits_for_a_topic_and_says_so(
    kafka: KafkaAddress, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.source.client.METADATA_MAX_AGE_SECONDS", 1)
    name = f"late{uuid.uuid4().hex[:6]}"
    bench = KafkaBench(kafka.bootstrap, name)
    source = bench.source(topics=(), pattern=f"{name}-.*")
    await source.open()
    found: list[frozenset[str]] = []
    with anyio.fail_after(60):
        async for assignment in source.assignments():
            found.append(assignment.topics)
            if assignment.topics:
                break
            late = await anyio.to_thread.run_sync(topic, name)
            assignment.release()
    await source.aclose()
    assert found == [frozenset(), {late}]
    assert "waiting" in [event.kind for event in bench.events]


async def test_a_topic_that_appears_under_a_pattern_is_read_beside_those_that_were_there(
    kafka: KafkaAddress, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka forgets an assignment before it tells so: here that falls into reading, again and again."""
    monkeypatch.setattr("stream.source.client.METADATA_MAX_AGE_SECONDS", 1)
    name = f"more{uuid.uuid4().hex[:6]}"
    bench = KafkaBench(kafka.bootstrap, await anyio.to_thread.run_sync(topic, name))
    source = bench.source(topics=(), pattern=f"{name}-.*", batching=Batching(max_age_seconds=0.05, max_rows=50))
    await source.open()
    here, seen, wanted = Position(), [], []
    with anyio.fail_after(90):
        async for assignment in source.assignments():
            here |= await assignment.starts(Known(here))
            if len(assignment.topics) > 5:
                source.stop()
            else:
                await anyio.to_thread.run_sync(topic, name)
            wanted += (fresh := [f"{len(wanted)}-{index}".encode() for index in range(200)])
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bench.produce, 0, fresh)
                async for batch in assignment.batches(here.of(assignment.partitions)):
                    seen += [value for part in batch.parts for value in part.values]
                    here = here.advanced_by(batch.ranges)
            assignment.release()
    await source.aclose()
    assert seen == wanted[: len(seen)]
    assert len(seen) >= 200 * 4


async def test_a_member_without_partitions_waits_for_some(bench: KafkaBench) -> None:
    """Three members, two partitions: an empty assignment is one too."""
    sources = [bench.source() for _ in range(3)]
    sizes: dict[int, int] = {}

    async def read(index: int) -> None:
        async for assignment in sources[index].assignments():
            sizes[index] = len(assignment.partitions)
            if sorted(sizes.values()) == [0, 1, 1]:
                for source in sources:
                    source.stop()
            _ = [batch async for batch in assignment.batches(Position(dict.fromkeys(assignment.partitions, 0)))]
            assignment.release()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for index, source in enumerate(sources):
                await source.open()
                tasks.start_soon(read, index)
    for source in sources:
        await source.aclose()
    assert sorted(sizes.values()) == [0, 1, 1]


async def test_a_broker_that_is_not_there_is_told_with_what_was_tried() -> None:
    bench = KafkaBench("127.0.0.1:1", "orders")
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1 .*Check kafka\.brokers"):
        await bench.source().open()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_good_credentials_open_the_door(kafka: KafkaAddress, bench: KafkaBench, mechanism: str) -> None:
    await bench.produce(0, [b"x"])
    bench.bootstrap = kafka.sasl_bootstrap
    assert values(await drained(bench.source(until="latest", security=_security(mechanism, SASL_PASSWORD))), 0) == [
        b"x"
    ]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_bad_credentials_are_refused_without_showing_them(
    kafka: KafkaAddress, bench: KafkaBench, mechanism: str
) -> None:
    bench.bootstrap = kafka.sasl_bootstrap
    with pytest.raises(SourceDenied, match="refuses us as reader") as caught:
        await bench.source(security=_security(mechanism, "canary-7f3a")).open()
    assert "canary-7f3a" not in str(caught.value)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "OAUTHBEARER"])
async def test_a_broker_behind_tls_is_read(bench: KafkaBench, kafka: KafkaAddress, mechanism: Any) -> None:
    await bench.produce(0, [b"x"])
    bench.bootstrap = kafka.tls_bootstrap
    source = bench.source(until="latest", security=_over_tls(mechanism, kafka.ca_file))
    assert values(await drained(source), 0) == [b"x"]


async def test_a_certificate_that_nobody_vouches_for_is_refused(bench: KafkaBench, kafka: KafkaAddress) -> None:
    bench.bootstrap = kafka.tls_bootstrap
    with pytest.raises(SourceError, match=r"certificate verify failed.*kafka\.security"):
        await bench.source(security=_over_tls("OAUTHBEARER", None)).open()


async def test_a_certificate_of_another_name_is_refused_unless_allowed(bench: KafkaBench, kafka: KafkaAddress) -> None:
    await bench.produce(0, [b"x"])
    bench.bootstrap = kafka.tls_bootstrap.replace("127.0.0.1", "localhost")
    strict = _over_tls("OAUTHBEARER", kafka.ca_file)
    with pytest.raises(SourceError, match=r"certificate verify failed.*localhost.*kafka\.security"):
        await bench.source(security=strict).open()
    lax = bench.source(until="latest", security=strict.model_copy(update={"check_hostname": False}))
    assert values(await drained(lax), 0) == [b"x"]


async def test_a_broker_that_wants_a_client_certificate_is_read(bench: KafkaBench, kafka: KafkaAddress) -> None:
    await bench.produce(0, [b"x"])
    bench.bootstrap = kafka.mutual_bootstrap
    source = bench.source(until="latest", security=_mutual(kafka, *kafka.client_files))
    assert values(await drained(source), 0) == [b"x"]


async def test_a_client_without_its_certificate_is_refused(bench: KafkaBench, kafka: KafkaAddress) -> None:
    bench.bootstrap = kafka.mutual_bootstrap
    with pytest.raises(SourceError, match=r"certificate"):
        await bench.source(security=Security(tls=True, ca_file=kafka.ca_file)).open()


async def test_a_client_certificate_that_nobody_vouches_for_is_refused(
    bench: KafkaBench, kafka: KafkaAddress, tmp_path: Path
) -> None:
    files = tmp_path / "other.pem", tmp_path / "other.key"
    self_signed(*files, "somebody else")
    bench.bootstrap = kafka.mutual_bootstrap
    with pytest.raises(SourceError, match=r"certificate"):
        await bench.source(security=_mutual(kafka, *files)).open()


async def test_a_token_that_has_expired_is_refused(bench: KafkaBench, kafka: KafkaAddress) -> None:
    bench.bootstrap = kafka.tls_bootstrap
    expired = _over_tls("OAUTHBEARER", kafka.ca_file).model_copy(update={"token_provider": f"{__name__}:expired"})
    with pytest.raises(SourceDenied, match="token_provider"):
        await bench.source(security=expired).open()


async def token(*, lasts: float = 60) -> str:
    """An unsigned token, as RFC 7519 (6.1) has it."""
    parts = {"alg": "none"}, {"sub": "reader", "iat": time.time() - 60, "exp": time.time() + lasts}
    return "".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") + "." for part in parts)


def expired() -> str:
    return asyncio.run(token(lasts=-30))


def _over_tls(mechanism: Any, ca_file: Path | None) -> Security:
    if mechanism == "OAUTHBEARER":
        return Security(tls=True, ca_file=ca_file, mechanism=mechanism, token_provider=f"{__name__}:token")
    return Security(tls=True, ca_file=ca_file, mechanism=mechanism, username=SASL_USER, password=SASL_PASSWORD)


def _mutual(kafka: KafkaAddress, certificate: Path, key: Path) -> Security:
    return Security(tls=True, ca_file=kafka.ca_file, certificate_file=certificate, key_file=key)


def _security(mechanism: str, password: str) -> Security:
    return Security(mechanism=mechanism, username=SASL_USER, password=password, allow_plaintext_password=True)


def _group_offset(bench: KafkaBench) -> int:
    consumer = Consumer({"bootstrap.servers": bench.bootstrap, "group.id": bench.group})
    try:
        [found] = consumer.committed([TopicPartition(bench.topic, 0)], 10)
        return int(found.offset)
    finally:
        consumer.close()


async def _grow(bench: KafkaBench) -> None:
    await bench.grow()
    await bench.produce(2, [b"a", b"b"])
