"""Which offsets the batches of a log hold, as their headers tell: no record is unpacked, no batch decompressed.

Layout: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

# baseOffset, batchLength, partitionLeaderEpoch, magic, crc, attributes, lastOffsetDelta, baseTimestamp, maxTimestamp,
# producerId, producerEpoch, baseSequence, records count
_HEADER: Final = Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH: Final = 12  # what batchLength does not count
_TRANSACTIONAL: Final = 1 << 4
_CONTROL: Final = 1 << 5
_MAGIC: Final = 2
_NOBODY: Final = -1


class HeadersCannotTell(Exception):
    """A batch lost records to compaction, or is of an old format: only its records say which offsets it holds."""


def delivered_runs(data: bytes | memoryview, aborted: Sequence[tuple[int, int]], start: int) -> tuple[list[range], int]:
    """Return runs of offsets, from `start` on, that `read_committed` delivers, and the offset behind the last batch.

    `data` is what a fetch brought, its last batch may be cut off; `aborted` are producer and first offset of each
    transaction in it that was aborted. Raises `HeadersCannotTell`.
    """
    waiting = sorted(aborted, key=lambda each: each[1])
    lost: set[int] = set()
    runs: list[range] = []
    at, here = 0, start
    while at + _HEADER.size <= len(data):
        base, length, _, magic, _, attributes, last, _, _, producer, _, _, count = _HEADER.unpack_from(data, at)
        if at + _BEFORE_LENGTH + length > len(data):
            break
        if magic != _MAGIC:
            raise HeadersCannotTell(f"a batch of format {magic} at offset {base}")
        while waiting and waiting[0][1] <= base:
            lost.add(waiting.pop(0)[0])
        if attributes & _CONTROL:
            lost.discard(producer)
        elif not (attributes & _TRANSACTIONAL and producer != _NOBODY and producer in lost):
            if count != last + 1:
                raise HeadersCannotTell(f"the batch at offset {base} holds {count} of {last + 1} records")
            runs.append(range(max(base, start), base + last + 1))
        here = max(here, base + last + 1)
        at += _BEFORE_LENGTH + length
    return [run for run in runs if run], here
