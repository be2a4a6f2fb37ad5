"""Polls that can be cut short, and that go on while nobody asks for records: a member that does not poll is put out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from stream.source.member import Member, Polled

MAX_RECORDS: Final = 10_000  # one poll holds the event loop for as long as its records take: about 20 ms
GRACE_SECONDS: Final = 0.5  # past its time, for a poll to end by itself


class Poller:
    """The one way to poll a member."""

    def __init__(self, member: Member, max_poll_interval_seconds: float, clock: Callable[[], float]) -> None:
        self._member = member
        self._patience = max_poll_interval_seconds / 4
        self._clock = clock
        self._scope: anyio.CancelScope | None = None
        self._polled_at = clock()
        self._failure: Exception | None = None

    async def poll(self, seconds: float, max_records: int = MAX_RECORDS) -> Polled:
        """Return the next records; none after `seconds`, or as soon as `interrupt` is called.

        A poll that is cut short has taken nothing. One that begins while the group deals out its partitions would wait
        for the new ones, and they for whoever polls: it is cut short as well.
        """
        if (failure := self._failure) is not None:
            self._failure = None
            raise failure
        polled: Polled = {}
        try:
            with anyio.move_on_after(seconds + GRACE_SECONDS) as self._scope:
                polled = await self._member.poll(seconds, min(max_records, MAX_RECORDS))
        finally:
            self._scope = None
            self._polled_at = self._clock()
        return polled

    def interrupt(self) -> None:
        """End the poll that is under way, if one is."""
        if self._scope is not None:
            self._scope.cancel()

    async def stay(self, paused: Callable[[], bool]) -> None:
        """Poll for as long as this task lives, whenever no one else did for a quarter of the group's patience.

        `paused` pauses all partitions, so that the poll brings nothing, and says whether there are any to poll.
        """
        while True:
            await anyio.sleep(self._patience / 2)
            overdue = self._clock() - self._polled_at > self._patience
            if overdue and self._scope is None and self._failure is None:
                try:
                    if paused():
                        await self.poll(0)
                except Exception as error:  # whoever polls next shall hear of it
                    self._failure = error
