"""For how long a batch may fill, from what batches cost: few large ones where commits are dear, else small ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SHARE: Final = 4.0  # a batch fills for four times what it costs: then at most a fifth of the time goes into commits
_DEARER: Final = 0.5  # weight of the newest batch when it cost more than those before: a burst is met at once,
_CHEAPER: Final = 0.1  # and when it cost less: one cheap batch among dear ones changes little


@dataclass(frozen=True, slots=True)
class Pace:
    """What a batch costs, in seconds from bytes to commit, smoothed; None before one was measured."""

    cost_seconds: float | None = None

    def after(self, seconds: float) -> Pace:
        """Return the pace after a batch that cost `seconds`."""
        if self.cost_seconds is None:
            return Pace(seconds)
        weight = _DEARER if seconds > self.cost_seconds else _CHEAPER
        return Pace(self.cost_seconds + weight * (seconds - self.cost_seconds))

    def age_seconds(self, least: float, most: float) -> float:
        """Return for how long the next batch may fill: between `least` and `most`, and `most` where nothing is known.

        Where records come so fast that their own cost outweighs a commit's, each longer batch costs more, and so the
        age grows to `most` by itself.
        """
        if self.cost_seconds is None:
            return most
        return min(most, max(least, _SHARE * self.cost_seconds))
