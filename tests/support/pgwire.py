"""PostgreSQL's frontend messages, cut out of a stream of bytes.

Protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

from typing import Final

STARTUP: Final = 196_608  # protocol 3.0; other untagged requests (SSL, GSS, cancel) may come before
COMMITTED: Final = b"COMMIT\0"  # the tag of the server's answer to a commit that holds


class Frontend:
    """Collects what a client sends and hands it out message by message."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are whole now, each with its tag and length in front."""
        self._rest += data
        messages = []
        while (size := self._size()) and len(self._rest) >= size:
            message, self._rest = self._rest[:size], self._rest[size:]
            self._started = self._started or int.from_bytes(message[4:8]) == STARTUP
            messages.append(message)
        return messages

    def _size(self) -> int:
        """Return the length of the next message; 0 while that is unknown."""
        tag = 1 if self._started else 0
        if len(self._rest) < tag + 4:
            return 0
        return tag + int.from_bytes(self._rest[tag : tag + 4])


class Opaque:
    """The same for any other protocol: what comes goes on as it is."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return `data`."""
        return [data]


def is_commit(message: bytes) -> bool:
    """Return whether a message asks for a commit, and does not merely speak of one."""
    match message[:1]:
        case b"Q":
            text = message[5:]
        case b"P":
            text = message[5:].partition(b"\0")[2]  # a prepared statement has a name in front
        case _:
            return False
    return text.partition(b"\0")[0].strip(b" ;").upper() == b"COMMIT"
