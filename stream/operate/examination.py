"""What an examination tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["well", "odd", "bad"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `text` says what was seen, and where it is not well, what to do."""

    name: str
    verdict: Verdict
    text: str
