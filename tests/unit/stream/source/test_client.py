"""What aiokafka is told."""

from __future__ import annotations

import pytest

from checkpoints import Partition, Position
from stream.config.models import Kafka
from stream.source.client import Client

pytestmark = pytest.mark.anyio


class Deaf:
    async def revoked(self) -> None: ...

    def assigned(self, partitions: frozenset[Partition]) -> None: ...


async def test_a_pattern_is_handed_over_for_whole_names() -> None:
    client = Client(Kafka(pattern="orders"), "group")
    client.join(Deaf())
    pattern = client._consumer._subscription.subscribed_pattern
    await client.close()
    assert [name for name in ("orders", "orders-old") if pattern.match(name)] == ["orders"]


async def test_partitions_that_are_not_ours_at_the_moment_are_not_sought() -> None:
    client = Client(Kafka(pattern="orders"), "group")
    client.join(Deaf())
    client.seek(Position({Partition("orders", 0): 5}))
    await client.close()
