"""A record that nobody can take is set aside whatever it says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from checkpoints import OffsetRange, Partition
from stream.evolve import Misfit
from stream.model import PartitionRecords, RawBatch
from stream.runtime.rejects import RefusedReason, set_aside


@pytest.mark.parametrize(
    ("milliseconds", "time"),
    [
        (2**62, None),
        (-(2**62), None),
        (-1, None),
        (-2_000, datetime(1969, 12, 31, 23, 59, 58, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_refused_record_has_its_time_where_a_calendar_has_it(milliseconds: int, time: datetime | None) -> None:
    part = PartitionRecords(OffsetRange(Partition("orders", 0), 0, 1), [0], [milliseconds], [None], [b"{}"])
    (reject,) = set_aside(RawBatch((part,)), {(Partition("orders", 0), 0): Misfit(RefusedReason.REFUSED, "no")})
    assert reject.timestamp == time
