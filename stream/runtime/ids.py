"""Names for loads: unique for ever, sortable by time, short enough to stand in every row."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, as in ULID
LoadIds = Callable[[], str]


def load_ids(clock: Callable[[], float] = time.time, entropy: random.Random | None = None) -> LoadIds:
    """Return a maker of load ids: nine letters of milliseconds since 1970, six of chance (one in 2**30)."""
    chance = entropy or random.SystemRandom()

    def make() -> str:
        return _base32(int(clock() * 1000), 9) + _base32(chance.getrandbits(30), 6)

    return make


def _base32(number: int, width: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(width)))
