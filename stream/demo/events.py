"""Orders whose shape changes on the way: what the demo produces."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_CITIES: Final = ("Basel", "Kraków", "Lagos", "Osaka", "Quito", "Tromsø")
_POISON: Final = (b'{"uid": 7, "customer": ', b"\xff\xfe not text", b'{"uid": NaN}', b'{"a": 1, "a": 2}', b"[" * 5_000)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is produced: its bytes, and whether it is meant to be set aside."""

    value: bytes
    poison: bool


def orders(count: int, *, seed: int) -> Iterator[Event]:
    """Yield `count` events: at 25 % a new field, at 50 % a nested list, at 75 % a number that turns into text.

    One in about 20,000 is poison.
    """
    chance = random.Random(seed)  # noqa: S311  # orders need to repeat, not to be secret
    for uid in range(count):
        if uid % 20_011 == 9_000:
            yield Event(_POISON[uid // 20_011 % len(_POISON)], poison=True)
        else:
            yield Event(json.dumps(_order(uid, uid / count, chance)).encode(), poison=False)


def _order(uid: int, progress: float, chance: random.Random) -> dict[str, Any]:
    quantity = chance.randrange(1, 9)
    order: dict[str, Any] = {
        "uid": uid,
        "orderedAt": f"2026-11-{uid % 28 + 1:02d}T{uid % 24:02d}:{uid % 60:02d}:{uid // 7 % 60:02d}.{uid % 1000:03d}Z",
        "status": chance.choice(("new", "paid", "shipped")),
        "customer": {
            "id": chance.randrange(50_000),
            "name": f"Customer {uid % 977}",
            "address": {"city": chance.choice(_CITIES), "zip": f"{chance.randrange(100_000):05d}"},
        },
        "items": [
            {
                "sku": f"SKU-{chance.randrange(10_000):05d}",
                "quantity": quantity,
                "price": chance.randrange(10_000) / 100,
            }
            for _ in range(chance.randrange(1, 4))
        ],
        "quantity": quantity,
    }
    if progress >= 0.25:
        order["coupon"] = f"SAVE{quantity}0"
    if progress >= 0.50:
        order["shipment"] = {"parcels": [{"weightKg": quantity / 4, "labels": ["fragile", "tracked"][: uid % 3]}]}
    if progress >= 0.75 and uid % 10 == 0:
        order["quantity"] = f"{quantity} boxes"
    return order
