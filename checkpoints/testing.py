"""`StoreContract`: the suite that every store of positions passes, and the builders it is written with.

A subclass gives the fixture `store`, fresh for each test; the tests run where `anyio_backend` says:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def anyio_backend(self) -> str:
            return "asyncio"

        @pytest.fixture
        async def store(self) -> CheckpointStore:
            return MyStore(...)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import uuid4

import pytest

from checkpoints.checkpoint import Checkpoint, Claim, Span
from checkpoints.contract import CheckpointStore, Fenced
from checkpoints.position import OffsetRange, Partition, Position

PIPELINE: Final = "contract"
A, B, C = (Partition("orders", number) for number in range(3))
ORIGINS: Final = {"orders": "cluster-1/topic-1"}

# The longest that Kafka and Kubernetes allow: a topic of 249 characters, a pod's name and more for the owner.
LONG: Final = Partition("t" * 249, 10_000)
LONG_OWNER: Final = "o" * 255
LAST_OFFSET: Final = 2**63 - 1

# With the 16 values of a ledger's row for each, more than the 65,535 parameters that PostgreSQL takes in one statement.
MANY: Final = 4_100


def at(*offsets: int) -> Position:
    """Return the position with these offsets for the partitions `A`, `B`, `C` in turn."""
    return Position(dict(zip((A, B, C), offsets, strict=False)))


def step(
    claim: Claim, moves: Mapping[Partition, int], *, since: Position | None = None, load_id: str | None = None
) -> Checkpoint:
    """Return the step that takes so many records of each partition, from `since` (else the claim's position) on."""
    here = (since or claim.position).of(moves)
    ranges = [OffsetRange(partition, start, start + moves[partition]) for partition, start in here.next.items()]
    return Checkpoint(
        PIPELINE,
        load_id or f"load-{uuid4().hex}",
        since=here,
        upto=here.advanced_by(ranges),
        epoch=claim.epoch,
        spans=tuple(Span(taken, records=len(taken)) for taken in ranges),
    )


async def stored(store: CheckpointStore, *topics: str) -> Position:
    """Return where the store stands in `topics` (`orders` when none is named)."""
    return (await store.positions(topics or ("orders",))).position


class StoreContract:
    """What every `CheckpointStore` promises, as tests."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def store(self) -> CheckpointStore:
        raise NotImplementedError("a subclass gives a fresh store of the pipeline `checkpoints.testing.PIPELINE`")

    async def test_a_new_store_knows_nothing(self, store: CheckpointStore) -> None:
        known = await store.positions(["orders"])
        assert (dict(known.position.next), dict(known.origins)) == ({}, {})

    async def test_a_claim_returns_where_its_partitions_stand(self, store: CheckpointStore) -> None:
        claim = await store.claim([A, B], at(5, 7), ORIGINS, owner="one")
        assert claim.position == at(5, 7)

    async def test_starts_never_change_a_stored_position(self, store: CheckpointStore) -> None:
        await store.claim([A], at(5), ORIGINS, owner="one")
        claim = await store.claim([A], at(0), ORIGINS, owner="two")
        assert claim.position == at(5)

    async def test_a_start_is_remembered_although_nobody_claimed_its_partition(self, store: CheckpointStore) -> None:
        await store.claim([A], at(5, 7), ORIGINS, owner="one")
        assert await stored(store) == at(5, 7)

    async def test_a_partition_that_nobody_claimed_is_not_moved(self, store: CheckpointStore) -> None:
        await store.claim([A], at(0, 0), ORIGINS, owner="one")
        unclaimed = Claim(at(0, 0), epoch=0)
        with pytest.raises(Fenced):
            await store.commit(step(unclaimed, {B: 3}))
        assert await stored(store) == at(0, 0)

    async def test_a_partition_without_any_start_is_refused(self, store: CheckpointStore) -> None:
        with pytest.raises(KeyError):
            await store.claim([A, B], at(0), ORIGINS, owner="one")
        assert await stored(store) == Position()

    async def test_a_claim_of_nothing_is_a_claim(self, store: CheckpointStore) -> None:
        claim = await store.claim([], Position(), {}, owner="one")
        assert claim.position == Position()

    async def test_the_first_origin_of_a_topic_is_kept(self, store: CheckpointStore) -> None:
        await store.claim([A], at(0), ORIGINS, owner="one")
        await store.claim([A], at(0), {"orders": "cluster-1/topic-2"}, owner="two")
        assert dict((await store.positions(["orders"])).origins) == ORIGINS

    async def test_positions_speak_of_the_topics_asked_for_only(self, store: CheckpointStore) -> None:
        payment = Partition("payments", 0)
        await store.claim([A, payment], at(1) | Position({payment: 2}), {**ORIGINS, "payments": "p"}, owner="one")
        known = await store.positions(["payments"])
        assert (dict(known.position.next), dict(known.origins)) == ({payment: 2}, {"payments": "p"})

    async def test_a_commit_moves_the_position(self, store: CheckpointStore) -> None:
        claim = await store.claim([A, B], at(0, 10), ORIGINS, owner="one")
        await store.commit(step(claim, {A: 3, B: 1}))
        assert await stored(store) == at(3, 11)

    async def test_a_commit_may_move_a_part_of_the_claim(self, store: CheckpointStore) -> None:
        claim = await store.claim([A, B], at(0, 10), ORIGINS, owner="one")
        await store.commit(step(claim, {B: 1}))
        assert await stored(store) == at(0, 11)

    async def test_thousands_of_partitions_are_claimed_and_moved_at_once(self, store: CheckpointStore) -> None:
        start = Position({Partition("orders", number): number for number in range(MANY)})
        claim = await store.claim(list(start.next), start, ORIGINS, owner="one")
        there = step(claim, dict.fromkeys(start.next, 1))
        await store.commit(there)
        assert (claim.position, await stored(store)) == (start, there.upto)

    async def test_one_partition_that_stands_elsewhere_fences_a_thousand_others(self, store: CheckpointStore) -> None:
        start = Position({Partition("orders", number): 1 for number in range(1_001)})
        claim = await store.claim(list(start.next), start, ORIGINS, owner="one")
        last = Partition("orders", 1_000)
        with pytest.raises(Fenced):
            await store.commit(step(claim, dict.fromkeys(start.next, 1), since=Position({**start.next, last: 0})))
        assert await stored(store) == start

    async def test_a_step_that_landed_is_fenced_when_repeated(self, store: CheckpointStore) -> None:
        claim = await store.claim([A], at(0), ORIGINS, owner="one")
        once = step(claim, {A: 3})
        await store.commit(once)
        with pytest.raises(Fenced):
            await store.commit(once)
        assert await stored(store) == at(3)

    @pytest.mark.parametrize("since", [4, 6])
    async def test_a_step_from_elsewhere_is_fenced(self, store: CheckpointStore, since: int) -> None:
        claim = await store.claim([A], at(5), ORIGINS, owner="one")
        with pytest.raises(Fenced):
            await store.commit(step(claim, {A: 3}, since=at(since)))
        assert await stored(store) == at(5)

    async def test_an_older_epoch_is_fenced(self, store: CheckpointStore) -> None:
        zombie = await store.claim([A], at(0), ORIGINS, owner="one")
        await store.claim([A], at(0), ORIGINS, owner="two")
        with pytest.raises(Fenced):
            await store.commit(step(zombie, {A: 3}))
        assert await stored(store) == at(0)

    async def test_an_epoch_of_the_future_is_fenced(self, store: CheckpointStore) -> None:
        claim = await store.claim([A], at(0), ORIGINS, owner="one")
        with pytest.raises(Fenced):
            await store.commit(step(Claim(claim.position, claim.epoch + 1), {A: 3}))
        assert await stored(store) == at(0)

    async def test_a_newer_claim_of_one_partition_fences_the_whole_step(self, store: CheckpointStore) -> None:
        both = await store.claim([A, B], at(0, 0), ORIGINS, owner="one")
        await store.claim([B], at(0, 0), ORIGINS, owner="two")
        with pytest.raises(Fenced):
            await store.commit(step(both, {A: 3, B: 3}))
        assert await stored(store) == at(0, 0)

    async def test_a_newer_claim_of_another_partition_does_not_disturb(self, store: CheckpointStore) -> None:
        one = await store.claim([A], at(0, 0), ORIGINS, owner="one")
        two = await store.claim([B], at(0, 0), ORIGINS, owner="two")
        await store.commit(step(one, {A: 3}))
        await store.commit(step(two, {B: 4}))
        assert await stored(store) == at(3, 4)

    async def test_epochs_grow_over_claims_of_disjoint_partitions(self, store: CheckpointStore) -> None:
        epochs = [(await store.claim([p], at(0, 0, 0), ORIGINS, owner=str(p))).epoch for p in (A, B, C, A)]
        assert epochs == sorted(set(epochs))

    async def test_attempts_count_the_other_owners_since_the_partition_moved(self, store: CheckpointStore) -> None:
        owners = ["one", "two", "two", "three"]
        claims = [await store.claim([A], at(0), ORIGINS, owner=owner) for owner in owners]
        assert [claim.attempts.get(A, 0) for claim in claims] == [0, 1, 1, 2]

    async def test_a_commit_that_moves_a_partition_resets_its_attempts(self, store: CheckpointStore) -> None:
        await store.claim([A, B], at(0, 0), ORIGINS, owner="one")
        claim = await store.claim([A, B], at(0, 0), ORIGINS, owner="two")
        await store.commit(step(claim, {A: 1, B: 0}))
        attempts = (await store.claim([A, B], at(0, 0), ORIGINS, owner="two")).attempts
        assert (attempts.get(A, 0), attempts.get(B, 0)) == (0, 1)

    async def test_the_longest_realistic_values_make_the_round_trip(self, store: CheckpointStore) -> None:
        start = Position({LONG: LAST_OFFSET - 1})
        claim = await store.claim([LONG], start, {LONG.topic: "i" * 200}, owner=LONG_OWNER)
        await store.commit(step(claim, {LONG: 1}))
        known = await store.positions([LONG.topic])
        assert (dict(known.position.next), dict(known.origins)) == ({LONG: LAST_OFFSET}, {LONG.topic: "i" * 200})
