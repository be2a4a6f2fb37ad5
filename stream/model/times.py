"""When Kafka took a record, as a time that tables and Python can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stream.model.tables import Array

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS: Final = -62_135_596_800_000  # 0001-01-01; Kafka carries any 64-bit number as a time
LAST_MS: Final = 253_402_300_799_999  # 9999-12-31
_NO_TIME: Final = -1  # what Kafka says when there is none


def time_of(milliseconds: int) -> datetime | None:
    """Return the time that many milliseconds after 1970, None where Kafka has none or no calendar has that year."""
    if milliseconds == _NO_TIME or not _FIRST_MS <= milliseconds <= LAST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)


def times_of(milliseconds: Array) -> Array:
    """Return what `time_of` gives, row by row."""
    known = pc.and_(
        pc.greater_equal(milliseconds, pa.scalar(_FIRST_MS)), pc.less_equal(milliseconds, pa.scalar(LAST_MS))
    )
    known = pc.and_(known, pc.not_equal(milliseconds, pa.scalar(_NO_TIME)))
    times: Array = pc.if_else(known, milliseconds, pa.scalar(None, pa.int64()))
    return times.cast(pa.timestamp("ms", tz="UTC")).cast(pa.timestamp("us", tz="UTC"))
