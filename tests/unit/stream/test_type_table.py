"""docs/types.md says what really becomes of each type. `HEADRACE_GOLDEN=write` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from support.type_table import page

PAGE = Path(__file__).parents[3] / "docs/types.md"


def test_the_page_of_types_is_what_really_becomes_of_each(tmp_path: Path) -> None:
    made = page(tmp_path)
    if os.environ.get("HEADRACE_GOLDEN") == "write":
        PAGE.write_text(made, encoding="utf-8")
    assert made == PAGE.read_text(encoding="utf-8")
