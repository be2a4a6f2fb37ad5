"""Three places in a row, prepare, wait and load, with room for one batch each: batches overlap and stay in order."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from anyio import Semaphore


class Owned(Protocol):
    """What says whether we may still write: an assignment."""

    @property
    def lost(self) -> bool:
        """Return whether the partitions are somebody else's already."""
        ...


class Line:
    """The places that the batches of one assignment go through; `loaded` is called after each one that is durable."""

    def __init__(self, owned: Owned, loaded: Callable[[], None] = lambda: None) -> None:
        self.owned = owned
        self.loaded = loaded
        self.prepare = Semaphore(1)
        self.wait = Semaphore(1)  # docs/decisions/0012-what-paces-a-stream.md
        self.load = Semaphore(1)

    async def enter(self) -> Turn:
        """Return the turn of the next batch, once no other is being prepared; to be asked in their order."""
        await self.prepare.acquire()
        return Turn(self)


class Turn:
    """One batch's way along a line.

    As a context it keeps errors in order too: one leaves it only when every batch before this one is durable.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_first = False

    async def first(self) -> None:
        """Return when every batch before this one is durable. The next one is not prepared meanwhile."""
        if not self._is_first:
            await self._line.wait.acquire()
            await self._line.load.acquire()
            self._line.wait.release()
            self._is_first = True

    async def to_load(self) -> bool:
        """Let the next batch be prepared; return, once every batch before this one is durable, whether to load it.

        Not when the partitions were lost: then nothing more may be written.
        """
        if self._is_first:
            self._line.prepare.release()
        else:
            await self._line.wait.acquire()
            self._line.prepare.release()
            await self._line.load.acquire()
            self._line.wait.release()
            self._is_first = True
        if self._line.owned.lost:
            self._line.load.release()
            return False
        return True

    def done(self) -> None:
        """Say that the batch is durable, and let the next one be loaded."""
        self._line.loaded()
        self._line.load.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            await self.first()
