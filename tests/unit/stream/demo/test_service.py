"""The demo's service listens to the demo's file alone."""

from __future__ import annotations

import pytest

from stream.demo.service import running_service

PRINT_NAMES = (
    "import os, sys; print(sorted(name for name in os.environ if name.startswith('HEADRACE')), file=sys.stderr)"
)


@pytest.mark.anyio
async def test_settings_of_the_user_do_not_reach_the_service(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HEADRACE__DESTINATION__URL", "postgresql://me@production/warehouse")
    monkeypatch.setenv("HEADRACE_FAILPOINTS_LOG", "x")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(PRINT_NAMES)
    log = tmp_path / "log"
    async with running_service(tmp_path / "none.toml", 0, log, failpoints="commit.before_send=kill@9") as service:
        await service.process.wait()
    assert log.read_text().splitlines()[0] == "['HEADRACE_FAILPOINTS']"
