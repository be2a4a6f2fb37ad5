"""A worker thread that hangs: the event loop moves, and still the service says that a restart would help."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

import pytest

from servers.process import free_port
from support import events
from support.service import fetch, running


def test_a_decoder_that_hangs_shows_in_livez_status_metrics_and_once_in_the_log(
    kafka, topic: Callable[..., str], tmp_path: Path
) -> None:
    address, name = f"127.0.0.1:{free_port()}", topic()
    events.produce(kafka.bootstrap, name, [b"{}"])
    args = ("--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{tmp_path}/x.duckdb", "--http", address)
    env = {"HEADRACE__SERVICE__STUCK_SECONDS": "0.4"}
    with running(*args, env=env, failpoints="decode.mid=delay:4") as service:
        service.until(lambda: '"stuck"' in service.log or " stuck " in service.log)
        with pytest.raises(HTTPError) as refused:
            fetch(f"http://{address}/livez")
        assert "the stage decode has made no progress" in refused.value.read().decode()
        assert json.loads(fetch(f"http://{address}/status"))["stuck"]["stage"] == "decode"
        assert "headrace_stage_stuck_seconds" in fetch(f"http://{address}/metrics")
        service.until(lambda: "not stuck any more" in service.log)
        assert service.log.count("failpoints.py") < 5
        service.drain()
