"""The password in a destination's URL: where it may stand, what it is, and the URL without it.

A raw `/`, `@`, `?` or `#` in a password ends it for one parser and not for the next, and what is cut off is printed as
host or database. So such a URL is refused (RFC 3986, 3.2.1 wants these characters percent-encoded), and whatever masks
a URL takes everything up to the last `@` for the password.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote

from stream.config.redaction import MASK, redact

_BEFORE_LAST_AT: Final = re.compile(r"(?P<user>\w://[^:]*):(?P<password>.*)@", re.DOTALL)
_RAW: Final = re.compile(r"[/@?#\s]")
_PASSWORDS_IN_QUERY: Final = ("password", "sslpassword")


def check_password(url: str) -> str:
    """Return `url`; raises `ValueError` when it cannot be told where its password ends. The text shows none of it."""
    _, separator, rest = url.partition("://")
    before = rest.rpartition("@")[0]
    if separator and ":" in before and _RAW.search(before):
        raise ValueError(
            "the URL has a raw '/', '@', '?', '#' or space between '://' and its last '@'; percent-encode it, above "
            "all in the password ('/' is %2F, '@' is %40, '?' is %3F, '#' is %23), or give the password by itself, "
            "as destination.password"
        )
    return url


def passwords(url: str) -> list[str]:
    """Return the passwords in `url`, as written and decoded."""
    found = [value for key, value in parse_qsl(url.partition("?")[2]) if key in _PASSWORDS_IN_QUERY]
    if match := _BEFORE_LAST_AT.search(url):
        found += [match["password"], unquote(match["password"])]
    return [password for password in found if password]


def masked(url: str) -> str:
    """Return `url` with its passwords masked, however it is written."""
    return redact(_BEFORE_LAST_AT.sub(rf"\g<user>:{MASK}@", url))
