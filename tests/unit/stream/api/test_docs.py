"""The pages of the documentation do what they say: their Python is run as it stands, page by page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stream.api import create

ROOT = Path(__file__).parents[4]
PAGES = ["tutorial", *(f"how-to/{page.stem}" for page in sorted((ROOT / "docs/how-to").glob("*.md")))]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(create, "_newest", [])
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "page"}
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
        exec(compile(code, f"{page}, code {number}", "exec"), names)
    for name, test in names.items():
        if name.startswith("test_"):
            test(tmp_path)
