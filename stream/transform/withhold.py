"""Records set aside from a topic with private fields: they are named and explained, and their bytes are not stored."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from sinks import Reject


def withhold(reject: Reject, salt: bytes) -> Reject:
    """Return `reject` without anything of its record: key and value as length and keyed hash, the error as its reason,
    no headers.

    Partition and offset still name the record in Kafka, where it can be read again for as long as it is kept there.
    """
    error = f"{reject.reason}; details withheld, because the topic has private fields"
    key, value = _trace(reject.key, salt), _trace(reject.value, salt)
    return replace(reject, key=key, value=value, error=error, headers=None)


def _trace(content: bytes | None, salt: bytes) -> bytes | None:
    if content is None:
        return None
    return f"withheld: {len(content)} bytes, hmac-sha256 {hmac.new(salt, content, hashlib.sha256).hexdigest()}".encode()
