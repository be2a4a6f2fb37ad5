"""Batches in flight: read and not yet committed. Their bytes count against the budget, their records are reported."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from stream.model import RawBatch
from stream.observe.facts import BatchAbandoned, BatchRead, BufferChanged, Observer, StageTimed
from stream.source.budget import Budget


@dataclass(frozen=True, slots=True)
class _Size:
    records: Mapping[str, int]
    nbytes: int


class InFlight:
    """The sizes of the batches in hand, oldest first: they become durable in the order in which they were read.

    Only sizes: a batch's records are in memory for as long as somebody works on them, and no longer.
    """

    def __init__(self, budget: Budget, observe: Observer) -> None:
        self._budget = budget
        self._observe = observe
        self._sizes: deque[_Size] = deque()

    def add(self, raw: RawBatch, seconds: float) -> None:
        """Count a batch that was `seconds` in coming. The source has taken its bytes from the budget already."""
        records = _by_topic(raw)
        self._sizes.append(_Size(records, raw.nbytes))
        self._observe(StageTimed("poll", seconds))
        self._observe(BatchRead(records, _bytes_by_topic(raw), raw.cause))
        self._changed()

    def committed(self) -> None:
        """Give back the bytes of the oldest batch: it is durable."""
        self._give_back(self._sizes.popleft())

    def drop(self) -> None:
        """Give back what is left, and tell how many records will be read again."""
        while self._sizes:
            size = self._sizes.popleft()
            self._observe(BatchAbandoned(size.records))
            self._give_back(size)

    def _give_back(self, size: _Size) -> None:
        self._budget.give_back(size.nbytes)
        self._changed()

    def _changed(self) -> None:
        self._observe(BufferChanged(self._budget.used_bytes, self._budget.limit_bytes))


def _by_topic(raw: RawBatch) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in raw.parts:
        counts[part.range.partition.topic] += len(part)
    return counts


def _bytes_by_topic(raw: RawBatch) -> Mapping[str, int]:
    if len(raw.topics) == 1:
        return {raw.topics[0]: raw.nbytes}
    sizes: Counter[str] = Counter()
    for part in raw.parts:
        sizes[part.range.partition.topic] += part.nbytes
    return sizes
