"""The key under which private values are hashed."""

from __future__ import annotations

import hashlib

from stream.config.models import Config


def salt_of(config: Config) -> bytes:
    """Return the key of the hashes that hide private values: `privacy.salt`, else one made from the pipeline's name.

    The second is no secret: whoever knows the name can hash a guess and compare.
    """
    if config.privacy.salt is not None:
        return config.privacy.salt.get_secret_value().encode()
    return hashlib.sha256(f"headrace pipeline {config.pipeline or ''}".encode()).digest()
