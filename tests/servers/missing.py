"""Why a server that some tests need is not there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


class ServerMissing(Exception):
    """A server can neither be found nor be got here; the text says what would help."""


def give_up(reason: str) -> NoReturn:
    """Skip where somebody works, fail where somebody relies on the result."""
    if os.environ.get("CI") == "true" or os.environ.get("HEADRACE_REQUIRE_SERVERS"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
