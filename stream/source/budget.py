"""The bytes that may be read and not yet committed, counted once for the whole process."""

from __future__ import annotations

import anyio


class Budget:
    """A ceiling in bytes. Whoever reads takes from it, whoever commits or abandons gives back.

    A request larger than the whole budget is granted when nothing else is out: one huge record cannot block for ever.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._freed = anyio.Event()

    def fits(self, nbytes: int) -> bool:
        """Return whether `nbytes` could be taken now."""
        return self.used_bytes == 0 or self.used_bytes + nbytes <= self.limit_bytes

    def take(self, nbytes: int) -> None:
        """Take `nbytes`, past the ceiling if need be: for bytes that are already in memory."""
        self.used_bytes += nbytes

    def give_back(self, nbytes: int) -> None:
        """Return `nbytes` that were taken, and wake whoever waits."""
        self.used_bytes -= nbytes
        self._freed.set()
        self._freed = anyio.Event()

    async def freed(self) -> None:
        """Wait until somebody gives bytes back."""
        await self._freed.wait()
