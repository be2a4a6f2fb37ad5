"""What a source tells observers while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from checkpoints import Partition

Kind = Literal["assigned", "revoked", "lost", "waiting", "unacknowledged", "unanswered", "answered"]


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """Something that happened to a source.

    `assigned`, `revoked` and `lost` are rebalances. `waiting`: no topic matches the pattern, told once until one does.
    `unacknowledged`: a position could not be mirrored to the group (harmless: only lag tools read it), told once until
    one could. `unanswered`: the broker left a question about the logs without answer, told each time; `answered`: it
    answers again.
    """

    kind: Kind
    partitions: frozenset[Partition] = frozenset()
    detail: str = ""


OnEvent: TypeAlias = Callable[[SourceEvent], None]


class EventEmitter:
    """Tells events to one listener, and knows of which kinds it told since they were last over."""

    def __init__(self) -> None:
        self.listener: OnEvent = lambda _: None
        self._told: set[Kind] = set()

    def tell(self, event: SourceEvent) -> None:
        """Tell `event`."""
        self._told.add(event.kind)
        self.listener(event)

    def tell_once(self, event: SourceEvent) -> None:
        """Tell `event` unless one of its kind was told and is not over."""
        if event.kind not in self._told:
            self.tell(event)

    def over(self, kind: Kind) -> bool:
        """Let events of `kind` be over; return whether one was told."""
        told = kind in self._told
        self._told.discard(kind)
        return told
