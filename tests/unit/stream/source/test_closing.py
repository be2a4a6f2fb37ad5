"""aiokafka's consumer at its end, when no broker is there to say goodbye to."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from aiokafka.errors import KafkaConnectionError

from stream.config.models import Kafka
from stream.source.client import Client

pytestmark = pytest.mark.anyio


async def awaits_a_task_that_it_cancelled() -> None:
    task = asyncio.create_task(anyio.sleep_forever())
    await asyncio.sleep(0)
    task.cancel()
    await task


async def finds_no_broker() -> None:
    raise KafkaConnectionError("no broker")


@pytest.mark.parametrize("stop", [awaits_a_task_that_it_cancelled, finds_no_broker, anyio.sleep_forever])
async def test_closing_disconnects_however_leaving_the_group_ends(monkeypatch: pytest.MonkeyPatch, stop) -> None:
    monkeypatch.setattr("stream.source.client.CLOSE_SECONDS", 0.01)
    client, disconnected = Client(Kafka(topics=("orders",)), "group"), anyio.Event()
    monkeypatch.setattr(client._consumer, "stop", stop)

    async def disconnect() -> None:
        disconnected.set()

    monkeypatch.setattr(client._consumer._client, "close", disconnect)
    await client.close()
    assert disconnected.is_set()


async def test_a_bug_met_while_closing_is_not_kept_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(Kafka(topics=("orders",)), "group")

    async def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(client._consumer, "stop", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        await client.close()
