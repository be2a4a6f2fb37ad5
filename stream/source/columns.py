"""Records of one partition as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checkpoints import OffsetRange
from stream.model import Headers, PartitionRecords


@dataclass(frozen=True, slots=True)
class Columns:
    """Records in the order of their offsets, one sequence per field; `headers` is empty unless they were asked for."""

    offsets: Sequence[int] = ()
    timestamps: Sequence[int] = ()
    keys: Sequence[bytes | None] = ()
    values: Sequence[bytes | None] = ()
    headers: Sequence[Headers] = ()

    def standing_for(self, range: OffsetRange) -> PartitionRecords:
        """Return the part of these records for `range`, which the source tells."""
        return PartitionRecords(range, self.offsets, self.timestamps, self.keys, self.values, self.headers)


NOTHING = Columns()
