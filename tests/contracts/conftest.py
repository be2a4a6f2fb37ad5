"""The event loop of sinks and sources is never blocked, whatever is tested here."""

import pytest


@pytest.fixture(autouse=True)
def _never_blocking(never_blocking: None) -> None:
    pass
