"""Cuts the connection of a sink in its next commit, through the failpoints that every SQL sink passes."""

import pytest

from checkpoints import failpoints
from sinks import Sink
from sinks.testing import Cut


def cut_at(point: str, monkeypatch: pytest.MonkeyPatch) -> Cut:
    """Return what drops the connection when a sink next reaches `point`, and only then."""

    def cut(_: Sink) -> None:
        monkeypatch.setitem(failpoints._SEEN, point, 0)
        monkeypatch.setitem(failpoints._armed(), point, failpoints._Armed("drop_conn", 1, b""))

    return cut
