"""Orders that can be told apart: each stamped with a uid, a sequence number and a CRC of everything else it says."""

from __future__ import annotations

import json
import random
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

POISON: Final = (
    b'{"uid": "x", "customer": ',
    b"\xff\xfe not text",
    b'{"total": NaN}',
    b'{"total": 1, "total": 2}',
    b"",
    b"[" * 100_000,
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one record from all others, and what it says. Poison has no uid, and the CRC of the whole value."""

    uid: str | None
    crc: int | None
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)


def orders(count: int, *, seed: int, first: int = 0, drift: bool = False, poison_every: int = 0) -> Iterator[bytes]:
    """Yield `count` orders of about 390 bytes, the same ones for the same seed.

    With `drift`, a field is new at a quarter, a nested list at a half, a number turns into text at three quarters.
    With `poison_every`, each so-many-th record is poison.
    """
    chance = random.Random(seed)
    for index in range(count):
        if poison_every and index % poison_every == poison_every - 1:
            yield POISON[index // poison_every % len(POISON)]
        else:
            yield stamped(_order(chance, first + index, index / count if drift else 0.0), uid=f"{seed}-{first + index}")


def stamped(body: Mapping[str, Any], *, uid: str) -> bytes:
    """Return `body` as JSON with `uid` in front and the CRC of both at the end."""
    document = {"uid": uid, **body}
    return _json({**document, "crc": zlib.crc32(_json(document))})


def stamp_of(value: bytes) -> Stamp:
    """Return the stamp in `value`, read without headrace. Raises `ValueError` when an order was damaged on its way."""
    try:
        document = json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return Stamp(None, zlib.crc32(value))
    if not isinstance(document, dict) or "crc" not in document:
        return Stamp(None, zlib.crc32(value))
    crc = document.pop("crc")
    if crc != zlib.crc32(_json(document)):
        raise ValueError(f"order {document.get('uid')} is not what was produced")
    return Stamp(document["uid"], crc, {**document, "crc": crc})


def fresh_topic(bootstrap: str, name: str, *, partitions: int) -> str:
    """Create a topic whose name begins with `name` and is nobody else's, and return its name."""
    topic = f"{name}-{uuid.uuid4().hex[:10]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})  # held until the answer is there
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
    return topic


def produce(
    bootstrap: str, topic: str, values: Iterable[bytes | None], *, partitions: int = 1, **config: str | int
) -> None:
    """Write `values` to `topic`, in turn to each of its partitions, and return when all are acknowledged.

    Idempotent, so that a retry (a new topic may have no leader yet) changes no order within a partition.
    """
    settings = {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "message.max.bytes": 16_000_000,
        "linger.ms": 5,
        "log_level": 0,
    }
    producer = Producer({**settings, **config})
    send(producer, topic, values, partitions=partitions)


def send(producer: Producer, topic: str, values: Iterable[bytes | None], *, partitions: int = 1) -> None:
    """Write `values` with a producer that may be in the middle of a transaction. Raises when one does not arrive."""
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    for number, value in enumerate(values):
        while True:
            try:
                producer.produce(topic, value, partition=number % partitions, on_delivery=note)
                break
            except BufferError:  # the client's queue is full
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(60) or failures:
        raise RuntimeError(f"{topic}: not everything was acknowledged: {failures[:3]}")


def _order(chance: random.Random, sequence: int, progress: float) -> dict[str, Any]:
    quantity = chance.randrange(1, 9)
    order: dict[str, Any] = {
        "sequence": sequence,
        "placedAt": f"2026-11-{sequence % 28 + 1:02d}T{sequence % 24:02d}:07:09.{sequence % 1000:03d}Z",
        "status": chance.choice(("new", "paid", "shipped")),
        "customer": {
            "id": chance.randrange(50_000),
            "name": f"Customer {sequence % 977}",
            "address": {"city": chance.choice(("Basel", "Kraków", "Osaka")), "zip": f"{chance.randrange(100_000):05d}"},
        },
        "quantity": quantity,
        "items": [
            {
                "sku": f"SKU-{chance.randrange(10_000):05d}",
                "price": chance.randrange(10_000) / 100,
                "quantity": quantity,
            }
            for _ in range(chance.randrange(1, 4))
        ],
    }
    if progress >= 0.25:
        order["coupon"] = f"SAVE{quantity}0"
    if progress >= 0.5:
        order["parcels"] = [{"weight": quantity / 4, "labels": ["fragile", "tracked"][: sequence % 3]}]
    if progress >= 0.75 and sequence % 5 == 0:
        order["quantity"] = f"{quantity} boxes"
    return order


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
