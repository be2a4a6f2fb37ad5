"""Positions in the memory of one process: the store that tests stand on, and the memory sink."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checkpoints.checkpoint import Checkpoint, Claim, Known
from checkpoints.contract import Fenced
from checkpoints.position import Partition, Position


@dataclass(slots=True)
class _Stand:
    """Where one partition stands, and who may move it; epoch 0: nobody yet."""

    offset: int
    epoch: int = 0
    owner: str | None = None
    attempts: int = 0


class MemoryStore:
    """A `CheckpointStore` that forgets when the process ends. No method suspends, so each one is atomic in its loop."""

    def __init__(self) -> None:
        self._stands: dict[Partition, _Stand] = {}
        self._origins: dict[str, str] = {}
        self._epoch = 0

    async def positions(self, topics: Collection[str]) -> Known:
        """Return the stored position of every known partition of `topics`, and the topics' origins."""
        stored = {p: stand.offset for p, stand in self._stands.items() if p.topic in topics}
        return Known(Position(stored), {t: origin for t, origin in self._origins.items() if t in topics})

    async def claim(
        self, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str], *, owner: str
    ) -> Claim:
        """Take `partitions` for `owner` under a new epoch; see `CheckpointStore.claim`."""
        for partition in partitions:
            if partition not in self._stands and partition not in starts:
                raise KeyError(f"{partition} is neither stored nor in starts")
        for partition, offset in starts.next.items():
            self._stands.setdefault(partition, _Stand(offset))
        self._origins = {**origins, **self._origins}
        self._epoch += 1
        for partition in partitions:
            self._take(self._stands[partition], owner)
        return Claim(
            position=Position({p: self._stands[p].offset for p in partitions}),
            epoch=self._epoch,
            attempts={p: self._stands[p].attempts for p in partitions},
        )

    def _take(self, stand: _Stand, owner: str) -> None:
        if stand.owner not in (None, owner):
            stand.attempts += 1
        stand.owner, stand.epoch = owner, self._epoch

    async def commit(self, step: Checkpoint) -> None:
        """Move from `step.since` to `step.upto`, all partitions or none; see `CheckpointStore.commit`."""
        for partition, expected in step.since.next.items():
            self._check(partition, expected, step)
        for partition, offset in step.upto.next.items():
            stand = self._stands[partition]
            if offset != stand.offset:
                stand.offset, stand.attempts = offset, 0

    def stands(self) -> dict[Partition, tuple[int, int, str, int]]:
        """Return offset, epoch, owner (empty: nobody) and attempts of each partition."""
        return {p: (s.offset, s.epoch, s.owner or "", s.attempts) for p, s in sorted(self._stands.items())}

    def put_back(self, to: Mapping[Partition, int], owner: str) -> int:
        """Put partitions somewhere else under a new epoch, and return it."""
        self._epoch += 1
        for partition, offset in to.items():
            self._stands[partition] = _Stand(offset, self._epoch, owner)
        return self._epoch

    def forget_origins(self, topics: Collection[str]) -> None:
        """Forget which topics of these names were read; the next claim tells."""
        self._origins = {topic: origin for topic, origin in self._origins.items() if topic not in topics}

    def _check(self, partition: Partition, expected: int, step: Checkpoint) -> None:
        stand = self._stands.get(partition)
        if stand is None or stand.owner is None:
            raise Fenced(f"load {step.load_id}: nobody has claimed {partition}")
        if (stand.epoch, stand.offset) != (step.epoch, expected):
            raise Fenced(
                f"load {step.load_id}: {partition} stands at offset {stand.offset} in epoch {stand.epoch} "
                f"({stand.owner}), not at {expected} in epoch {step.epoch}"
            )
