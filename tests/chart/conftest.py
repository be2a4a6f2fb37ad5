"""The chart's tests need Helm, which comes with `make chart-tools`."""

from __future__ import annotations

import pytest

from servers.missing import ServerMissing, give_up
from support import helm


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    try:
        helm.command("helm")
    except ServerMissing as missing:
        give_up(f"the chart's tests could not run for want of a server: {missing}")
