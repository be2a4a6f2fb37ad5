"""Texts without secrets: passwords in URLs and connection strings, and every secret that is known by value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
_SHORTEST: Final = 4  # masking a shorter secret by value would make every text unreadable; URLs are masked all the same

# Greedy on purpose: a password may itself hold "@", ":" or "/", and hiding too much is the right mistake.
_IN_URL: Final = re.compile(r"(?P<user>\w://[^\s:]*):[^\s]*@")
_IN_PAIR: Final = re.compile(
    r"(?P<key>\b\w*(?:password|passwd|pwd|secret|token)\w*\s*=\s*)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;,'\"]+)",
    re.IGNORECASE,
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` with passwords masked: in URLs, in `password=...` pairs, and wherever one of `secrets` stands."""
    for secret in sorted(_spellings(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _IN_URL.sub(rf"\g<user>:{MASK}@", text)
    return _IN_PAIR.sub(rf"\g<key>{MASK}", text)


def _spellings(secrets: Iterable[str]) -> set[str]:
    known = [secret for secret in secrets if len(secret) >= _SHORTEST]
    return {spelling for secret in known for spelling in (secret, quote(secret, safe=""), quote_plus(secret))}
