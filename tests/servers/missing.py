"""Why a server that some tests need is not there."""

from __future__ import annotations


class ServerMissing(Exception):
    """A server can neither be found nor be got here; the text says what would help."""
