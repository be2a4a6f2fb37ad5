from __future__ import annotations

import pytest

from support.pgwire import is_commit


def message(tag: bytes, body: bytes) -> bytes:
    return tag + (len(body) + 4).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "asked", [message(b"Q", b"COMMIT\0"), message(b"Q", b"commit;\0"), message(b"P", b"\0COMMIT\0\0\0")]
)
def test_a_commit_is_known_however_it_is_asked_for(asked):
    assert is_commit(asked)


@pytest.mark.parametrize(
    "asked",
    [
        message(b"P", b"\0INSERT INTO l (committed_at) VALUES (now())\0\0\0"),
        message(b"d", b"COMMIT\0"),
        message(b"Q", b"BEGIN\0"),
    ],
)
def test_what_only_speaks_of_commits_is_none(asked):
    assert not is_commit(asked)
