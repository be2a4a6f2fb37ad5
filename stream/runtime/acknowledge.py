"""Durable positions, mirrored to the consumer group beside the loads: a slow coordinator holds nobody up."""

from __future__ import annotations

from typing import Final

import anyio

from checkpoints import Position
from stream.source.contract import Source

_EVERY_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 1.0  # how long partitions that are given back may wait for their last one


class Acknowledger:
    """Tells the newest position at most once a second: only lag tools read it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._newest = Position()
        self._noted = anyio.Event()
        self._telling = anyio.Lock()  # positions arrive in their order

    def note(self, position: Position) -> None:
        """Take notice of a durable position. Returns at once."""
        self._newest = self._newest | position
        self._noted.set()

    async def run(self) -> None:
        """Acknowledge what is noted, for as long as nobody cancels it."""
        while True:
            await self._noted.wait()
            await self._tell()
            await anyio.sleep(_EVERY_SECONDS)

    async def drain(self) -> None:
        """Acknowledge what is left, within a second, and forget it: the partitions are about to be somebody else's."""
        with anyio.move_on_after(_LAST_SECONDS):
            await self._tell()
        self._newest, self._noted = Position(), anyio.Event()

    async def _tell(self) -> None:
        async with self._telling:
            position, self._newest, self._noted = self._newest, Position(), anyio.Event()
            if position:
                await self._source.acknowledge(position)
